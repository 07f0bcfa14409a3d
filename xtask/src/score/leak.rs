//! Whether references stand in the text that a system learned from.

use c3_metrics::seen_in_training;
use serde::Serialize;

/// References that stand word for word in the training text.
#[derive(Debug, Serialize)]
pub(super) struct Leak {
    pub(super) references: usize,
    pub(super) seen: usize,
    /// Images that such a reference belongs to.
    pub(super) images: usize,
    /// The first few of them.
    pub(super) examples: Vec<String>,
}

const EXAMPLES: usize = 3;

impl Leak {
    pub(super) fn find(references: &[Vec<String>], training: Vec<String>) -> Self {
        let seen = seen_in_training(references, training);
        let mut images: Vec<usize> = seen.iter().map(|seen| seen.item).collect();
        images.dedup();
        let examples = seen.iter().take(EXAMPLES);
        let examples = examples.map(|seen| references[seen.item][seen.reference].clone());
        Self {
            references: references.iter().map(Vec::len).sum(),
            seen: seen.len(),
            images: images.len(),
            examples: examples.collect(),
        }
    }

    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        let Self {
            references,
            seen,
            images,
            ..
        } = self;
        if *seen == 0 {
            return format!("none of {references} references stands in the training text");
        }
        let share = *seen as f64 / *references as f64 * 100.0;
        format!(
            "{seen} of {references} references ({share:.1} %), of {images} image(s), stand word for \
             word in the training text, such as `{}`",
            self.examples.join("`, `")
        )
    }
}
