//! ROUGE-L (Lin 2004) as the COCO toolkit computes it.

use crate::sentence::Word;

/// Weight of recall against precision.
const BETA: f64 = 1.2;

/// Scores one caption.
///
/// `(1 + b^2) p r / (r + b^2 p)` with `b = 1.2`; the precision `p` and the recall `r`
/// of the longest common subsequence are the best over the references, each by itself.
pub(crate) fn rouge_l(caption: &[Word], references: &[&[Word]]) -> f64 {
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in references {
        let common = longest_common_subsequence(caption, reference) as f64;
        precision = precision.max(common / caption.len().max(1) as f64);
        recall = recall.max(common / reference.len().max(1) as f64);
    }
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

fn longest_common_subsequence(left: &[Word], right: &[Word]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for a in left {
        let mut diagonal = 0; // the value above and to the left
        for (index, b) in right.iter().enumerate() {
            let above = row[index + 1];
            row[index + 1] = if a == b {
                diagonal + 1
            } else {
                above.max(row[index])
            };
            diagonal = above;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_subsequence_may_have_gaps() {
        assert_eq!(
            longest_common_subsequence(&[1, 9, 2, 8, 3], &[1, 2, 7, 3]),
            3
        );
        assert_eq!(longest_common_subsequence(&[], &[1]), 0);
        assert_eq!(longest_common_subsequence(&[1, 1], &[1]), 1);
    }

    #[test]
    fn precision_and_recall_come_from_different_references() {
        let score = rouge_l(&[1, 2, 3, 4], &[&[1], &[1, 2, 3, 9, 9, 9, 9, 9]]);
        let (precision, recall) = (0.75, 1.0);
        let expected = 2.44 * precision * recall / (recall + 1.44 * precision);
        assert!((score - expected).abs() < 1e-12);
    }

    #[test]
    fn nothing_in_common_scores_nothing() {
        assert_eq!(rouge_l(&[1], &[&[2]]), 0.0);
    }
}
