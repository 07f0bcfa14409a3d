//! One step of training and of validation.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::train::{InferenceStep, TrainOutput, TrainStep};

use super::batch::CaptionBatch;
use super::loss;
use super::metric::TokenLosses;
use crate::PrefixDecoder;

/// A decoder being trained.
#[derive(Module, Debug)]
pub(super) struct Lesson {
    pub(super) decoder: PrefixDecoder,
    #[module(skip)]
    pub(super) clip_norm: Option<f64>,
}

impl Lesson {
    /// What the decoder thinks where the targets are predicted, `[n_targets, d_model]`.
    fn hidden(&self, batch: &mut CaptionBatch) -> Tensor<2> {
        let hidden = self.decoder.hidden(
            batch.embeddings.clone(),
            batch.read.take(),
            &mut batch.dropout,
        );
        let [n_rows, n_tokens, d_model] = hidden.dims();
        let hidden = hidden.reshape([n_rows * n_tokens, d_model]);
        match batch.positions.take() {
            Some(positions) => hidden.select(0, positions),
            None => hidden,
        }
    }
}

impl TrainStep for Lesson {
    type Input = CaptionBatch;
    type Output = TokenLosses;

    fn step(&self, mut batch: CaptionBatch) -> TrainOutput<TokenLosses> {
        let hidden = self.hidden(&mut batch);
        let passed = loss::cross_entropy(hidden, self.decoder.output_weights(), batch.targets);
        let grads = GradientsParams::from_grads(passed.pull.backward(), self);
        TrainOutput {
            grads: clip(grads, self, self.clip_norm),
            item: TokenLosses(passed.losses),
        }
    }
}

impl InferenceStep for Lesson {
    type Input = CaptionBatch;
    type Output = TokenLosses;

    fn step(&self, mut batch: CaptionBatch) -> TokenLosses {
        let hidden = self.hidden(&mut batch);
        TokenLosses(loss::token_losses(
            hidden,
            self.decoder.output_weights(),
            batch.targets,
        ))
    }
}

/// Shortens the gradient of all weights together to `longest`.
///
/// burn's own clipping looks at one weight matrix at a time, which changes the direction.
fn clip(mut grads: GradientsParams, module: &Lesson, longest: Option<f64>) -> GradientsParams {
    let Some(longest) = longest else {
        return grads;
    };
    let mut norm = SquaredNorm {
        grads: &grads,
        sum: None,
    };
    module.visit(&mut norm);
    let Some(sum) = norm.sum else {
        return grads;
    };
    // Nothing is read back: the factor stays on the device.
    let factor = (sum.sqrt().recip() * longest).clamp_max(1.0);
    module.visit(&mut Scale {
        grads: &mut grads,
        factor,
    });
    grads
}

struct SquaredNorm<'a> {
    grads: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let square = grad.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            let scaled = grad * self.factor.clone().unsqueeze();
            self.grads.register(param.id, scaled);
        }
    }
}
