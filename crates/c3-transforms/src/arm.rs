//! The arms of the C3 study: which of the steps are taken.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::TransformError;

/// One arm of the study (Zhang et al. 2024, arXiv:2401.08567, Table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Arm {
    /// Connect only.
    C1,
    /// Connect and Collapse.
    #[serde(rename = "C2_1")]
    C21,
    /// Connect and Corrupt; what `CapDec` does.
    #[serde(rename = "C2_2")]
    C22,
    /// Connect, Collapse and Corrupt.
    C3,
}

impl Arm {
    /// Every arm, in the order of the paper.
    pub const ALL: [Self; 4] = [Self::C1, Self::C21, Self::C22, Self::C3];

    /// Whether the mean of each modality is subtracted.
    #[must_use]
    pub fn collapses(self) -> bool {
        matches!(self, Self::C21 | Self::C3)
    }

    /// Whether training embeddings get noise.
    #[must_use]
    pub fn corrupts(self) -> bool {
        matches!(self, Self::C22 | Self::C3)
    }

    /// The name in tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::C1 => "C1",
            Self::C21 => "C2_1",
            Self::C22 => "C2_2",
            Self::C3 => "C3",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Arm {
    type Err = TransformError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|arm| arm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| TransformError::UnknownArm {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_the_same_arm() {
        for arm in Arm::ALL {
            assert_eq!(arm.name().parse(), Ok(arm));
            assert_eq!(serde_json::to_string(&arm).unwrap(), format!("\"{arm}\""));
        }
        assert!("C4".parse::<Arm>().is_err());
    }

    #[test]
    fn only_c3_takes_both_steps() {
        let both: Vec<Arm> = Arm::ALL
            .into_iter()
            .filter(|arm| arm.collapses() && arm.corrupts())
            .collect();
        assert_eq!(both, [Arm::C3]);
    }
}
