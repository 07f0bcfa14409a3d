//! What the numbers of a run say, in one sentence.

use c3_artifacts::Results;
use c3_artifacts::results::ArmResult;

use super::arms::{self, CIDER, NEAREST, Role, cider};
use super::number::{fixed, percent};
use crate::run::PAIRED;

const ORDER: &str = "C1\u{a0}<\u{a0}C2_1,\u{a0}C2_2\u{a0}\u{2264}\u{a0}C3";

/// Arms of the order.
const ARMS: [&str; 4] = ["C1", "C2_1", "C2_2", "C3"];

/// Pairs of the order, the lower first.
const STEPS: [(&str, &str); 4] = [
    ("C1", "C2_1"),
    ("C1", "C2_2"),
    ("C2_1", "C3"),
    ("C2_2", "C3"),
];

/// A run in words.
pub(super) struct Verdict {
    pub(super) sentence: String,
    /// What else a reader has to know before believing it.
    pub(super) notes: Vec<String>,
}

/// Judges a run by CIDEr.
pub(super) fn of(results: &Results) -> Verdict {
    let subject = find(results, "C3").or_else(|| arms::best_text_only(results));
    let Some((arm, score)) = subject.and_then(|arm| Some((arm, cider(arm)?))) else {
        let sentence = "No decoder that was trained on text alone has a CIDEr.".to_owned();
        return Verdict {
            sentence,
            notes: Vec::new(),
        };
    };
    let sentence = format!("{}{}", achievement(results, arm, score), order(results));
    let notes = [nearest(results, arm, score), spread(results)];
    Verdict {
        sentence,
        notes: notes.into_iter().flatten().collect(),
    }
}

fn achievement(results: &Results, arm: &ArmResult, score: f64) -> String {
    let name = &arm.arm;
    let bound = find(results, PAIRED).and_then(cider);
    match (arm.share_of_paired.get(CIDER), bound) {
        (Some(share), Some(bound)) => format!(
            "{name}, trained on text alone, reaches {} of the CIDEr of a decoder trained on \
             pairs ({} of {})",
            percent(*share),
            fixed(score, 1),
            fixed(bound, 1),
        ),
        _ => format!(
            "{name}, trained on text alone, reaches a CIDEr of {}; there is no decoder trained \
             on pairs to compare it with",
            fixed(score, 1),
        ),
    }
}

/// Whether the arms stand as they should, as the end of the sentence.
fn order(results: &Results) -> String {
    let (level, wrong): (Vec<Upset>, Vec<Upset>) = STEPS
        .iter()
        .filter_map(|pair| Upset::find(results, *pair))
        .partition(|upset| upset.level);
    let said = |upsets: &[Upset]| {
        let said: Vec<String> = upsets.iter().map(Upset::said).collect();
        said.join(", ")
    };
    let absent: Vec<&str> = ARMS
        .into_iter()
        .filter(|arm| find(results, arm).is_none())
        .collect();
    if !wrong.is_empty() {
        format!(
            ", but the arms are not in the expected order {ORDER}: {}.",
            said(&wrong)
        )
    } else if !absent.is_empty() {
        format!(
            "; the order of the arms cannot be told without {}.",
            absent.join(", ")
        )
    } else if !level.is_empty() {
        let said = said(&level);
        format!(
            ", and the arms stand in the expected order {ORDER} but for chance: {said}, \
                 within the spread of the seeds."
        )
    } else {
        format!(", and the arms stand in the expected order {ORDER}.")
    }
}

/// Two arms the wrong way round.
struct Upset {
    lower: (&'static str, f64),
    upper: (&'static str, f64),
    /// The difference is no larger than seeds make it.
    level: bool,
}

impl Upset {
    fn find(results: &Results, (lower, upper): (&'static str, &'static str)) -> Option<Self> {
        let (low, high) = (find(results, lower)?, find(results, upper)?);
        let (below, above) = (cider(low)?, cider(high)?);
        // Only the last step may be level.
        let stands = if upper == "C3" {
            below <= above
        } else {
            below < above
        };
        let spreads = low.sd.get(CIDER).zip(high.sd.get(CIDER));
        let level = spreads.is_some_and(|(a, b)| below - above <= a.hypot(*b));
        let upset = Self {
            lower: (lower, below),
            upper: (upper, above),
            level,
        };
        (!stands).then_some(upset)
    }

    fn said(&self) -> String {
        let ((lower, below), (upper, above)) = (self.lower, self.upper);
        let relation = if below > above {
            "is above"
        } else {
            "is level with"
        };
        // As many decimals as it takes to see which is higher.
        let differ = |decimals: &usize| fixed(below, *decimals) != fixed(above, *decimals);
        let decimals = (1..4).find(differ).unwrap_or(1);
        format!(
            "{lower} ({}) {relation} {upper} ({})",
            fixed(below, decimals),
            fixed(above, decimals)
        )
    }
}

fn nearest(results: &Results, arm: &ArmResult, score: f64) -> Option<String> {
    let nearest = cider(find(results, NEAREST)?)?;
    let place = if score > nearest {
        "above"
    } else {
        "not above"
    };
    let (name, nearest) = (&arm.arm, fixed(nearest, 1));
    Some(format!(
        "{name} is {place} what copying the nearest training caption scores ({nearest})."
    ))
}

fn spread(results: &Results) -> Option<String> {
    let trained = results
        .arms
        .iter()
        .filter(|arm| Role::of(&arm.arm) != Role::Baseline);
    let single = trained.filter(|arm| arm.sd.is_empty()).count() > 0;
    single.then(|| "One seed does not tell how much of a difference is chance.".to_owned())
}

fn find<'a>(results: &'a Results, arm: &str) -> Option<&'a ArmResult> {
    results.arms.iter().find(|result| result.arm == arm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::results;

    fn sentence(arms: &[(&str, &[f64])]) -> String {
        of(&results(arms)).sentence.replace('\u{a0}', " ")
    }

    #[test]
    fn the_expected_order_is_said_with_the_share_of_the_bound() {
        let said = sentence(&[
            ("C1", &[10.0, 12.0]),
            ("C2_1", &[20.0, 22.0]),
            ("C2_2", &[30.0, 32.0]),
            ("C3", &[44.0, 46.0]),
            ("paired", &[49.0, 51.0]),
        ]);
        assert_eq!(
            said,
            "C3, trained on text alone, reaches 90 % of the CIDEr of a decoder trained on pairs \
             (45.0 of 50.0), and the arms stand in the expected order C1 < C2_1, C2_2 ≤ C3."
        );
    }

    #[test]
    fn a_wrong_order_names_the_arms_that_break_it() {
        let said = sentence(&[
            ("C1", &[30.0, 30.2]),
            ("C2_1", &[20.0, 20.2]),
            ("C2_2", &[33.0, 33.2]),
            ("C3", &[31.0, 31.2]),
            ("paired", &[40.0, 40.2]),
        ]);
        let order = "but the arms are not in the expected order C1 < C2_1, C2_2 ≤ C3: \
                     C1 (30.1) is above C2_1 (20.1), C2_2 (33.1) is above C3 (31.1).";
        assert!(said.ends_with(order), "{said}");
    }

    #[test]
    fn a_difference_within_the_spread_is_chance() {
        let said = sentence(&[
            ("C1", &[10.0, 11.0]),
            ("C2_1", &[20.0, 21.0]),
            ("C2_2", &[31.0, 33.0]),
            ("C3", &[30.0, 33.0]),
        ]);
        let order = "and the arms stand in the expected order C1 < C2_1, C2_2 ≤ C3 but for \
                     chance: C2_2 (32.0) is above C3 (31.5), within the spread of the seeds.";
        assert!(said.ends_with(order), "{said}");
    }

    #[test]
    fn of_one_seed_every_difference_counts_and_the_reader_is_warned() {
        let arms: [(&str, &[f64]); 4] = [
            ("C1", &[10.0]),
            ("C2_1", &[20.0]),
            ("C2_2", &[31.02]),
            ("C3", &[31.01]),
        ];
        let said = sentence(&arms);
        assert!(
            said.ends_with("C2_2 (31.02) is above C3 (31.01)."),
            "{said}"
        );
        let warning = "One seed does not tell how much of a difference is chance.";
        assert_eq!(of(&results(&arms)).notes, [warning]);
    }

    #[test]
    fn level_is_enough_for_the_last_step_only() {
        let level = |arm| {
            sentence(&[
                ("C1", &[10.0]),
                ("C2_1", &[if arm == "C1" { 10.0 } else { 20.0 }]),
                ("C2_2", &[20.0]),
                ("C3", &[20.0]),
            ])
        };
        assert!(level("C3").ends_with("in the expected order C1 < C2_1, C2_2 ≤ C3."));
        assert!(level("C1").ends_with("C1 (10.0) is level with C2_1 (10.0)."));
    }

    #[test]
    fn without_a_bound_there_is_no_share() {
        let said = sentence(&[("C1", &[10.0]), ("C3", &[30.0])]);
        assert_eq!(
            said,
            "C3, trained on text alone, reaches a CIDEr of 30.0; there is no decoder trained on \
             pairs to compare it with; the order of the arms cannot be told without C2_1, C2_2."
        );
    }

    #[test]
    fn without_c3_the_best_text_only_arm_speaks() {
        let said = sentence(&[("C1", &[10.0]), ("C2_2", &[30.0]), ("paired", &[40.0])]);
        assert!(
            said.starts_with("C2_2, trained on text alone, reaches 75 %"),
            "{said}"
        );
    }

    #[test]
    fn without_a_text_only_arm_there_is_nothing_to_judge() {
        let said = sentence(&[("paired", &[40.0]), ("nearest", &[20.0])]);
        assert_eq!(
            said,
            "No decoder that was trained on text alone has a CIDEr."
        );
    }

    #[test]
    fn the_nearest_caption_is_compared_and_needs_no_second_seed() {
        let notes =
            |nearest: f64| of(&results(&[("C3", &[30.0, 31.0]), ("nearest", &[nearest])])).notes;
        assert_eq!(
            notes(31.7),
            ["C3 is not above what copying the nearest training caption scores (31.7)."]
        );
        assert_eq!(
            notes(20.0),
            ["C3 is above what copying the nearest training caption scores (20.0)."]
        );
    }
}
