//! The arms as the page shows them: role, colour, words.

use maud::{Markup, html};

use c3_artifacts::Results;
use c3_artifacts::results::ArmResult;

use crate::run::PAIRED;

/// The metric that arms are judged by.
pub(super) const CIDER: &str = "CIDEr";

/// The baseline that copies the nearest training caption.
pub(super) const NEAREST: &str = "nearest";

/// What an arm is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A decoder that never saw a picture.
    TextOnly,
    /// The decoder that was trained on pairs.
    Bound,
    /// No decoder at all.
    Baseline,
}

impl Role {
    pub(super) fn of(arm: &str) -> Self {
        match arm {
            PAIRED => Self::Bound,
            NEAREST => Self::Baseline,
            _ => Self::TextOnly,
        }
    }
}

/// The text-only arm of the highest CIDEr; the first of equals.
pub(super) fn best_text_only(results: &Results) -> Option<&ArmResult> {
    let text_only = results
        .arms
        .iter()
        .filter(|arm| Role::of(&arm.arm) == Role::TextOnly);
    text_only.fold(None, |best: Option<&ArmResult>, arm| {
        let higher = best.is_none_or(|best| cider(arm) > cider(best));
        if higher { Some(arm) } else { best }
    })
}

/// Mean CIDEr, if it was measured.
pub(super) fn cider(arm: &ArmResult) -> Option<f64> {
    arm.mean.get(CIDER).copied()
}

/// What was done to the embeddings of an arm.
pub(super) fn deed(arm: &str) -> &'static str {
    match arm {
        "C1" => "connect",
        "C2_1" => "connect, collapse",
        "C2_2" => "connect, corrupt",
        "C3" => "connect, collapse, corrupt",
        PAIRED => "trained on pairs",
        NEAREST => "copies the nearest caption",
        _ => "",
    }
}

/// The style class that colours an arm, one everywhere on the page.
pub(super) fn colour(arm: &str) -> &'static str {
    match arm {
        "C1" => "arm c1",
        "C2_1" => "arm c21",
        "C2_2" => "arm c22",
        "C3" => "arm c3",
        PAIRED => "arm paired",
        NEAREST => "arm nearest",
        _ => "arm other",
    }
}

/// An arm's name behind a patch of its colour.
pub(super) fn label(arm: &str) -> Markup {
    html! { span class=(colour(arm)) { span.patch {} (arm) } }
}
