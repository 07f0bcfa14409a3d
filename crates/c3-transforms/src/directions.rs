//! Which directions the noise of Corrupt takes: the test of why noise helps.

use c3_geometry::{
    Embeddings, Moments, PAPER_GAMMA, PrincipalAxes, Side, alignment_noise, modality_gap,
};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::{NoiseShape, TransformError};

/// Below this share of the variance of both modalities a residual is rounding.
const ROUNDING: f64 = 1e-12;

/// Which directions the noise of [`Corrupt`](crate::Corrupt) takes.
///
/// Appendix H of Zhang et al. 2024 (arXiv:2401.08567) takes *one* direction out of the noise,
/// the gap's, and most of what Corrupt gains is gone. The other choices tell apart what the
/// noise is good for.
///
/// Whatever the choice, `sigma` says how *long* the noise is: its expected squared length is
/// `sigma^2 d`, as that of isotropic noise. So noise in few directions is stronger in each:
/// by `sqrt(d)` along the gap alone, by `sqrt(d / k)` in a span of `k` directions, and by
/// `sqrt(d / (d - 1))` without the gap (which the released code leaves out; 0.1 % at 512).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directions {
    /// All alike: `z ~ N(0, I)`, the noise of the paper.
    #[default]
    All,
    /// All but the gap: `(I - g g^T) z` with the unit gap `g`.
    WithoutGap,
    /// The gap alone: `g z` with one `z` for the whole vector.
    GapOnly,
    /// The directions in which embeddings of either modality vary: the widest of
    /// `cov(x) + cov(y)` that hold 99 % of it (Definition 1), all alike. If Proposition 1
    /// holds, the gap is none of them.
    JointSpan,
    /// As real pairs differ: `N(0, cov(x - y))`. The only choice that looks at pairs, so it
    /// is for study: an arm that trains with it is not trained without pairs.
    Residual,
}

impl Directions {
    /// Every choice, the paper's first.
    pub const EVERY: [Self; 5] = [
        Self::All,
        Self::WithoutGap,
        Self::GapOnly,
        Self::JointSpan,
        Self::Residual,
    ];

    /// The name in recipes, tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::WithoutGap => "without_gap",
            Self::GapOnly => "gap_only",
            Self::JointSpan => "joint_span",
            Self::Residual => "residual",
        }
    }

    /// Fits the shape of the noise to a space.
    ///
    /// # Shapes
    ///
    /// - `x`, `y`: `[n, d]` and `[m, d]` as they stand before Collapse. Rows need to be pairs
    ///   for [`Directions::Residual`] alone.
    ///
    /// # Errors
    ///
    /// [`TransformError::NoDirection`] if there is no gap, no variance or no residual;
    /// [`TransformError::Geometry`] if the widths differ, or the rows of a residual are no
    /// pairs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_geometry::Embeddings;
    /// # use c3_transforms::{Corrupt, Directions};
    /// # use rand::SeedableRng;
    /// let x = Embeddings::new(vec![2.0, 1.0, 2.0, -1.0], 2)?;
    /// let y = Embeddings::new(vec![0.0, 1.0, 0.0, -1.0], 2)?;
    /// let shape = Directions::WithoutGap.fit(&x, &y)?; // the gap is [2, 0]
    /// let corrupt = Corrupt::new(0.1)?.shaped(shape);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let noised = corrupt.apply(&y, &mut rng)?;
    /// assert_eq!(noised.row(0)[0], 0.0);
    /// assert_ne!(noised.row(0)[1], 1.0);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(self, x: &Embeddings, y: &Embeddings) -> Result<NoiseShape, TransformError> {
        let axes = match self {
            Self::All => Array2::zeros((0, y.dim())),
            Self::WithoutGap => self.gap(x, y)?,
            Self::GapOnly => self.gap(x, y)? * (y.dim() as f64).sqrt(),
            Self::JointSpan => self.span(x, y)?,
            Self::Residual => self.residual(x, y)?,
        };
        NoiseShape::new(self, axes.mapv(|value| value as f32))
    }

    /// The unit gap, `[1, d]`.
    fn gap(self, x: &Embeddings, y: &Embeddings) -> Result<Array2<f64>, TransformError> {
        let gap = modality_gap(x, y)?;
        if gap.distance == 0.0 {
            return Err(self.none());
        }
        let unit = Array1::from(gap.vector) / gap.distance;
        Ok(unit.insert_axis(Axis(0)))
    }

    fn span(self, x: &Embeddings, y: &Embeddings) -> Result<Array2<f64>, TransformError> {
        let covariance = |batch: &Embeddings| {
            let mut moments = Moments::unpaired(batch.dim());
            moments.add(batch)?;
            moments.covariance(Side::X)
        };
        c3_geometry::modality_gap(x, y)?; // refuses widths that differ, and no rows
        let axes = PrincipalAxes::of(&(covariance(x)? + covariance(y)?))?;
        let k = axes.spectrum.effective_dimension(PAPER_GAMMA);
        if k == 0 {
            return Err(self.none());
        }
        let strength = (x.dim() as f64 / k as f64).sqrt();
        Ok(axes.directions.slice_move(ndarray::s![..k, ..]) * strength)
    }

    fn residual(self, x: &Embeddings, y: &Embeddings) -> Result<Array2<f64>, TransformError> {
        let mut moments = Moments::paired(x.dim());
        moments.add_pairs(x, y)?;
        let noise = alignment_noise(&moments)?;
        let varied = moments.covariance(Side::X)? + moments.covariance(Side::Y)?;
        if noise.trace <= varied.diag().sum() * ROUNDING {
            return Err(self.none());
        }
        let mut axes = PrincipalAxes::of(&noise.covariance)?;
        let strengths = axes.spectrum.values().iter();
        let strengths = strengths.map(|value| (value * x.dim() as f64 / noise.trace).sqrt());
        for (mut row, strength) in axes.directions.outer_iter_mut().zip(strengths) {
            row *= strength;
        }
        Ok(axes.directions)
    }

    fn none(self) -> TransformError {
        let directions = self.name();
        TransformError::NoDirection { directions }
    }
}
