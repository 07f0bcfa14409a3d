//! One step of training and of validation.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use rayon::prelude::*;

use super::batch::CaptionBatch;
use super::loss;
use super::metric::TokenLosses;
use super::precision::Precision;
use crate::PrefixDecoder;

/// A decoder being trained.
#[derive(Module, Debug)]
pub(super) struct Lesson {
    pub(super) decoder: PrefixDecoder,
    #[module(skip)]
    pub(super) clip_norm: Option<f64>,
    #[module(skip)]
    pub(super) precision: Precision,
}

/// What a decoder thinks where the targets are predicted, `[n_targets, d_model]`.
fn hidden(decoder: &PrefixDecoder, batch: &mut CaptionBatch) -> Tensor<2> {
    let read = batch.read.take();
    let hidden = decoder.hidden(batch.embeddings.clone(), read, &mut batch.dropout);
    let [n_rows, n_tokens, d_model] = hidden.dims();
    let hidden = hidden.reshape([n_rows * n_tokens, d_model]);
    match batch.positions.take() {
        Some(positions) => hidden.select(0, positions),
        None => hidden,
    }
}

/// Gradients and losses of one part of a batch.
struct Learned {
    grads: GradientsParams,
    losses: Tensor<1>,
}

impl Lesson {
    fn learn(&self, mut part: CaptionBatch, share: f64) -> Learned {
        let reader = self.precision.of_step(self.decoder.clone());
        let hidden = hidden(&reader, &mut part);
        let output = self.decoder.output_weights();
        let dtype = self.precision.dtype();
        let passed = loss::cross_entropy(hidden, output, part.targets, share, dtype);
        Learned {
            grads: GradientsParams::from_grads(passed.pull.backward(), self),
            losses: passed.losses,
        }
    }

    /// Every part on a thread of its own.
    fn learn_side_by_side(&self, parts: Vec<CaptionBatch>, share: f64) -> Learned {
        let mut learned: Vec<Learned> = parts
            .into_par_iter()
            .map(|part| {
                // A fork is a graph of its own: parts that share one would wait for each other.
                let device = part.embeddings.device();
                self.clone().fork(&device).learn(part, share)
            })
            .collect();
        let losses = learned.iter().map(|part| part.losses.clone()).collect();
        let losses = Tensor::cat(losses, 0);
        let mut grads = learned.remove(0).grads;
        for part in learned {
            self.visit(&mut Add {
                sum: &mut grads,
                next: part.grads,
            });
        }
        Learned { grads, losses }
    }
}

impl TrainStep for Lesson {
    type Input = Vec<CaptionBatch>;
    type Output = TokenLosses;

    fn step(&self, mut parts: Vec<CaptionBatch>) -> TrainOutput<TokenLosses> {
        let n_targets: usize = parts.iter().map(|part| part.targets.dims()[0]).sum();
        let share = 1.0 / n_targets as f64;
        let learned = match parts.len() {
            1 => self.learn(parts.remove(0), share),
            _ => self.learn_side_by_side(parts, share),
        };
        TrainOutput {
            grads: clip(learned.grads, self, self.clip_norm),
            item: TokenLosses(learned.losses),
        }
    }
}

impl InferenceStep for Lesson {
    type Input = Vec<CaptionBatch>;
    type Output = TokenLosses;

    fn step(&self, parts: Vec<CaptionBatch>) -> TokenLosses {
        let losses = parts.into_par_iter().map(|mut part| {
            let hidden = hidden(&self.decoder, &mut part);
            loss::token_losses(hidden, self.decoder.output_weights(), part.targets)
        });
        TokenLosses(Tensor::cat(losses.collect(), 0))
    }
}

struct Add<'a> {
    sum: &'a mut GradientsParams,
    next: GradientsParams,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let pair = (
            self.sum.remove::<D>(param.id),
            self.next.remove::<D>(param.id),
        );
        if let (Some(sum), Some(next)) = pair {
            self.sum.register(param.id, sum + next);
        }
    }
}

/// Shortens the gradient of all weights together to `longest`.
///
/// burn's own clipping looks at one weight matrix at a time, which changes the direction.
fn clip(mut grads: GradientsParams, module: &Lesson, longest: Option<f64>) -> GradientsParams {
    let Some(longest) = longest.filter(|longest| longest.is_finite()) else {
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
