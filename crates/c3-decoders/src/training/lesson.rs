//! One step of training and of validation.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use rayon::prelude::*;

use super::batch::CaptionBatch;
use super::loss;
use super::metric::TokenLosses;
use super::precision::Precision;
use crate::PrefixDecoder;
use crate::host::is_host;

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

    /// As many parts at once as there are threads; their gradients add up in the order of the
    /// parts, so that threads change no bit.
    fn learn_in_parts(&self, parts: Vec<CaptionBatch>, share: f64) -> Learned {
        let mut grads: Option<GradientsParams> = None;
        let mut losses = Vec::with_capacity(parts.len());
        let mut parts = parts.into_iter().peekable();
        while let Some(first) = parts.peek() {
            let at_once = at_once(&first.embeddings.device());
            let group: Vec<CaptionBatch> = parts.by_ref().take(at_once).collect();
            for part in self.learn_side_by_side(group, share) {
                losses.push(part.losses);
                grads = Some(match grads.take() {
                    Some(sum) => self.add(sum, part.grads),
                    None => part.grads,
                });
            }
        }
        Learned {
            grads: grads.expect("a batch has a part"),
            losses: Tensor::cat(losses, 0),
        }
    }

    /// Every part on a thread of its own.
    fn learn_side_by_side(&self, parts: Vec<CaptionBatch>, share: f64) -> Vec<Learned> {
        let learned = parts.into_par_iter().map(|part| {
            // A fork is a graph of its own: parts that share one would wait for each other.
            let device = part.embeddings.device();
            self.clone().fork(&device).learn(part, share)
        });
        learned.collect()
    }

    fn add(&self, mut sum: GradientsParams, next: GradientsParams) -> GradientsParams {
        self.visit(&mut Add {
            sum: &mut sum,
            next,
        });
        sum
    }
}

/// How many parts of a batch are learned from at once.
pub(super) fn at_once(device: &Device) -> usize {
    match is_host(device) {
        true => rayon::current_num_threads(),
        false => 1, // a card computes one thing after another, and has less memory
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
            _ => self.learn_in_parts(parts, share),
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
        let Some(next) = self.next.remove::<D>(param.id) else {
            return;
        };
        let sum = match self.sum.remove::<D>(param.id) {
            Some(sum) => sum + next,
            None => next, // a table of tokens, where captions of one token read none
        };
        self.sum.register(param.id, sum);
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
