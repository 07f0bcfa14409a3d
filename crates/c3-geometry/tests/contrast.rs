//! Gradients of the contrastive loss against PyTorch's autograd in float64.
//!
//! `golden/contrast.py` made the numbers.

use c3_geometry::{
    Contrast, GeometryError, one_sided_contrast, symmetric_contrast, through_normalisation,
};
use ndarray::Array2;
use serde::Deserialize;

type Of = fn(&Array2<f64>, &Array2<f64>, f64) -> Result<Contrast, GeometryError>;

#[derive(Deserialize)]
struct Golden {
    dim: usize,
    tau: f64,
    rate: f64,
    /// Rows of either side, of unequal length.
    raw: [Vec<f64>; 2],
    one_sided: Gradients,
    symmetric: Gradients,
    descent: Descent,
}

#[derive(Deserialize)]
struct Gradients {
    loss: f64,
    by_unit: [Vec<f64>; 2],
    by_raw: [Vec<f64>; 2],
}

/// Plain gradient descent on the symmetric loss.
#[derive(Deserialize)]
struct Descent {
    losses: Vec<f64>,
    end: [Vec<f64>; 2],
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/contrast.json")).unwrap()
}

impl Golden {
    fn raw(&self) -> [Array2<f64>; 2] {
        self.raw.each_ref().map(|side| {
            let rows = side.len() / self.dim;
            Array2::from_shape_vec((rows, self.dim), side.clone()).unwrap()
        })
    }
}

fn to_unit_length(side: &Array2<f64>) -> Array2<f64> {
    let mut unit = side.clone();
    for mut row in unit.outer_iter_mut() {
        let length = row.dot(&row).sqrt();
        row /= length;
    }
    unit
}

/// Relative, for values of about one and above; a gradient is a difference of such values.
#[track_caller]
fn near<'a>(ours: impl IntoIterator<Item = &'a f64>, theirs: &[f64]) {
    let ours: Vec<f64> = ours.into_iter().copied().collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let apart = (ours - theirs).abs();
        assert!(
            apart <= 1e-10 * theirs.abs().max(0.01),
            "{ours} is not {theirs}"
        );
    }
}

fn gradients_agree(of: Of, theirs: impl Fn(&Golden) -> &Gradients) {
    let golden = golden();
    let theirs = theirs(&golden);
    let raw = golden.raw();
    let [x, y] = raw.each_ref().map(to_unit_length);
    let found = of(&x, &y, golden.tau).unwrap();
    near(&[found.loss], &[theirs.loss]);
    for (side, ours) in [found.by_x, found.by_y].iter().enumerate() {
        near(ours, &theirs.by_unit[side]);
        let ours = through_normalisation(&raw[side], ours).unwrap();
        near(&ours, &theirs.by_raw[side]);
    }
}

#[test]
fn the_one_sided_loss_and_its_gradients() {
    gradients_agree(one_sided_contrast, |golden| &golden.one_sided);
}

#[test]
fn the_symmetric_loss_and_its_gradients() {
    gradients_agree(symmetric_contrast, |golden| &golden.symmetric);
}

#[test]
fn descent_goes_where_pytorch_goes() {
    let golden = golden();
    let mut raw = golden.raw();
    let mut losses = Vec::new();
    for _ in &golden.descent.losses {
        let [x, y] = raw.each_ref().map(to_unit_length);
        let contrast = symmetric_contrast(&x, &y, golden.tau).unwrap();
        losses.push(contrast.loss);
        for (side, gradient) in raw.iter_mut().zip([contrast.by_x, contrast.by_y]) {
            let gradient = through_normalisation(side, &gradient).unwrap();
            side.scaled_add(-golden.rate, &gradient);
        }
    }
    assert!(losses[losses.len() - 1] < losses[0] / 2.0, "{losses:?}");
    near(&losses, &golden.descent.losses);
    raw.iter()
        .zip(&golden.descent.end)
        .for_each(|(ours, theirs)| near(ours, theirs));
}
