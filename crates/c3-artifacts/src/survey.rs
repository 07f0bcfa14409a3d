//! `geometry.json`: what was measured of a space.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ArtifactError;
use crate::document::{self, Document};

const ADVICE: &str = "run `measure` first";

/// What was measured of a space, from its embeddings alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The files, as they were named.
    pub sources: Vec<String>,
    /// Rows of each modality, or pairs.
    pub rows: u64,
    /// Width of a row.
    pub dim: usize,
    /// Whether row `i` of one modality belongs to row `i` of the other.
    pub paired: bool,
    /// Whether rows were brought to unit length for the moments.
    pub unit_length: bool,
    /// Shortest and longest row as read; absent for merged moments.
    pub lengths: Option<[f64; 2]>,
    /// Rows that questions about single rows were asked of.
    pub sampled: usize,
    /// Start of the random numbers.
    pub seed: u64,
    /// Each modality, in the order of the files.
    pub sides: Vec<SideSurvey>,
    /// Effective dimension of both modalities together, by gamma.
    pub joint_effective_dimension: BTreeMap<String, usize>,
    /// Distance of the two means.
    pub gap: Option<f64>,
    /// What pairs differ by.
    pub noise: Option<NoiseSurvey>,
    /// Table 1 of the paper, each row as mean and standard deviation.
    pub table: BTreeMap<String, [f64; 2]>,
    /// How alike the two modalities vary.
    pub likeness: Option<Likeness>,
    /// Held-out rows before Collapse, and after.
    pub views: Option<[ViewSurvey; 2]>,
    /// Whether C3 will help.
    pub verdict: Option<VerdictSurvey>,
    /// How far several captions of one item stand apart.
    #[serde(default)]
    pub spread: Option<SpreadSurvey>,
    /// What a straight line learns behind each corruption.
    #[serde(default)]
    pub probe: Option<ProbeSurvey>,
    /// The verdict in words.
    pub sentences: Vec<String>,
}

/// One modality.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideSurvey {
    /// Length of the mean row.
    pub mean_length: f64,
    /// Total variance.
    pub variance: f64,
    /// Smallest number of directions that hold more than a share gamma of it, by gamma.
    pub effective_dimension: BTreeMap<String, usize>,
    /// Eigenvalues of the covariance, the largest first.
    pub spectrum: Vec<f64>,
    /// Variance of each dimension.
    pub variances: Vec<f64>,
}

/// The alignment noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseSurvey {
    /// Length of the gap with the noise of the means taken off.
    pub debiased_gap: f64,
    /// `E|noise|^2`.
    pub trace: f64,
    /// Standard deviation per dimension.
    pub sigma: f64,
    /// Largest over mean eigenvalue.
    pub anisotropy: f64,
    /// The same of an isotropic Gaussian with as many rows: 95 % of the draws.
    pub isotropic: [f64; 2],
    /// Effective dimension, by gamma.
    pub effective_dimension: BTreeMap<String, usize>,
    /// Eigenvalues of its covariance, the largest first.
    pub spectrum: Vec<f64>,
    /// Normality of every dimension.
    pub dimensions: Option<NormalitySurvey>,
    /// Normality on random directions.
    pub projections: Option<NormalitySurvey>,
}

/// Many tests for normality.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NormalitySurvey {
    /// How many samples were tested.
    pub tested: usize,
    /// How many are not Gaussian, with at most 5 % false alarms among them.
    pub rejected: usize,
    /// Median size of the skewness.
    pub skewness: f64,
    /// Median excess kurtosis.
    pub excess_kurtosis: f64,
}

/// How alike two modalities vary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Directions compared.
    pub directions: usize,
    /// Overlap of the subspaces that they span.
    pub overlap: f64,
    /// Overlap of two subspaces that have nothing to do with each other.
    pub chance: f64,
    /// Correlation of the spectra.
    pub spectral_correlation: Option<f64>,
}

/// One look at held-out rows of both modalities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewSurvey {
    /// Distance of the means.
    pub gap: f64,
    /// Mean cosine of pairs.
    pub paired_cosine: f64,
    /// Mean cosine of rows that are no pair.
    pub unpaired_cosine: f64,
    /// Share of first rows that find their partner among the nearest, by how many.
    pub recall_forth: BTreeMap<usize, f64>,
    /// Share of second rows that find their partner among the nearest, by how many.
    pub recall_back: BTreeMap<usize, f64>,
    /// Share of rows whose nearest neighbour is of their own modality.
    pub same_modality: f64,
    /// Accuracy of a straight cut between the modalities, on rows it was not fitted to.
    pub separability: f64,
    /// Skewness of how often a row is among the ten nearest.
    pub hubness: f64,
}

/// Whether C3 will help.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerdictSurvey {
    /// `no_shared_signal`, `corrupt_alone` or `collapse_and_corrupt`.
    pub outcome: String,
    /// Mean cosine of centred pairs: lower end, estimate, upper end.
    pub cosine: [f64; 3],
    /// The same of shuffled pairs.
    pub shuffled: [f64; 3],
    /// The gap of the pairs looked at, at unit length.
    #[serde(default)]
    pub gap: Option<f64>,
    /// The same with the modalities of random pairs swapped.
    pub swapped: [f64; 3],
    /// Noise per dimension; absent where no noise is strong enough.
    pub sigma: Option<[f64; 3]>,
}

/// How far several captions of one item stand apart: a lower bound for the noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpreadSurvey {
    /// Items with at least two captions.
    pub items: usize,
    /// Mean cosine of two captions of one item: lower end, estimate, upper end.
    pub cosine: [f64; 3],
    /// Noise per dimension; absent where no noise is strong enough.
    pub sigma: Option<[f64; 3]>,
}

/// Words predicted of images by ridge regression from corrupted text embeddings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeSurvey {
    /// Words that are predicted.
    pub words: usize,
    /// Captions it was fitted to.
    pub captions: usize,
    /// Images it was tested on.
    pub images: usize,
    /// The best corruption first.
    pub rows: Vec<ProbeRow>,
}

/// One corruption.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// Name of the arm, or `paired` for the bound that is fitted to images.
    pub arm: String,
    /// Directions of the noise; absent without noise.
    pub directions: Option<String>,
    /// Noise per dimension; absent without noise.
    pub sigma: Option<f64>,
    /// Ridge penalty that held-out captions chose, in mean eigenvalues.
    pub penalty: f64,
    /// Mean over images of the average precision of their words: lower end, value, upper end.
    pub mean_average_precision: [f64; 3],
}

impl Survey {
    /// Writes the survey under `path`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        document::write(path, self)
    }

    /// Reads a survey that [`Survey::write`] wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with the file: not there, not ours, of another version, cut off.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        document::read(path, ADVICE)
    }
}

impl Document for Survey {
    const FORMAT: &'static str = "c3-geometry";
    const VERSION: u32 = 1;
}
