//! Cross-entropy over caption tokens.

use burn::tensor::{FloatDType, IndexingUpdateOp, Int, Tensor, activation};

/// The loss of every target, `-ln p(target)`, without a gradient.
///
/// # Shapes
///
/// - `hidden`: `[n_targets, d_model]`; `output`: `[n_vocab, d_model]`
/// - `targets`: `[n_targets]`
/// - result: `[n_targets]`
pub(super) fn token_losses(
    hidden: Tensor<2>,
    output: Tensor<2>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    forward(hidden, output, targets, FloatDType::F32).losses
}

/// The loss of every target, and a tensor whose backward pass is that of their sum times `share`.
///
/// The gradient of cross-entropy by the logits is `softmax - one_hot`, so it is
/// written down here: one softmax over the vocabulary instead of a dozen passes
/// that autodiff would make. `pull` is `sum(hidden * dL/dhidden) + sum(output *
/// dL/doutput)` with both gradients constant; its value means nothing.
pub(super) struct Pulled {
    /// `[n_targets]`, without a gradient.
    pub(super) losses: Tensor<1>,
    /// `[1]`
    pub(super) pull: Tensor<1>,
}

/// As [`token_losses`], for training, with products of a `dtype`; a `share` of one over the targets
/// of the batch gives the gradient of the mean.
pub(super) fn cross_entropy(
    hidden: Tensor<2>,
    output: Tensor<2>,
    targets: Tensor<1, Int>,
    share: f64,
    dtype: FloatDType,
) -> Pulled {
    let plain_hidden = hidden.clone().without_autodiff();
    let plain_output = output.clone().without_autodiff();
    let [n_targets] = targets.dims();
    let passed = forward(
        plain_hidden.clone(),
        plain_output.clone(),
        targets.clone(),
        dtype,
    );
    let ones = Tensor::full([n_targets, 1], -1.0, &plain_hidden.device());
    let error = passed.probabilities.scatter(
        1,
        targets.reshape([n_targets, 1]),
        ones,
        IndexingUpdateOp::Add,
    ); // [n_targets, n_vocab]
    let by_hidden = product(error.clone(), plain_output, dtype) * share;
    let pull = (hidden * by_hidden).sum();
    // Frozen output weights spare the largest product of the step.
    let pull = if output.is_require_grad() {
        let by_output = product(error.transpose(), plain_hidden, dtype) * share;
        pull + (output * by_output).sum()
    } else {
        pull
    };
    Pulled {
        losses: passed.losses,
        pull,
    }
}

struct Forward {
    losses: Tensor<1>,
    probabilities: Tensor<2>,
}

fn forward(
    hidden: Tensor<2>,
    output: Tensor<2>,
    targets: Tensor<1, Int>,
    dtype: FloatDType,
) -> Forward {
    let [n_targets] = targets.dims();
    let logits = product(hidden, output.transpose(), dtype);
    let highest = logits.clone().max_dim(1); // [n_targets, 1]
    let of_target = logits.clone().gather(1, targets.reshape([n_targets, 1]));
    let probabilities = activation::softmax(logits, 1);
    // log-sum-exp from the largest probability, which never underflows.
    let log_sum = highest - probabilities.clone().max_dim(1).log();
    Forward {
        losses: (log_sum - of_target).reshape([n_targets]),
        probabilities,
    }
}

/// A product in numbers of a type, in single precision again.
fn product(left: Tensor<2>, right: Tensor<2>, dtype: FloatDType) -> Tensor<2> {
    let product = left.cast(dtype).matmul(right.cast(dtype));
    product.cast(FloatDType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn data(rows: usize, columns: usize, step: f32) -> TensorData {
        let values = (0..rows * columns).map(|index| (index as f32 * step).sin() * 2.0);
        TensorData::new(values.collect::<Vec<_>>(), [rows, columns])
    }

    #[test]
    fn the_written_gradient_is_that_of_autodiff() {
        let device = Device::flex().autodiff();
        let hidden = Tensor::<2>::from_data(data(5, 3, 0.7), &device).require_grad();
        let output = Tensor::<2>::from_data(data(7, 3, 1.3), &device).require_grad();
        let targets = Tensor::<1, Int>::from_data([0, 6, 2, 2, 4], &device);

        let logits = hidden.clone().matmul(output.clone().transpose());
        let picked = activation::log_softmax(logits, 1).gather(1, targets.clone().reshape([5, 1]));
        let plain = -picked.reshape([5]);
        let expected = plain.clone().mean().backward();

        let ours = cross_entropy(
            hidden.clone(),
            output.clone(),
            targets,
            0.2,
            FloatDType::F32,
        );
        let found = ours.pull.backward();
        let close = |a: TensorData, b: TensorData| {
            for (a, b) in a.iter::<f32>().zip(b.iter::<f32>()) {
                // Sums of at most seven terms near one, in another order.
                assert!((a - b).abs() < 1e-6, "{a} != {b}");
            }
        };
        close(ours.losses.into_data(), plain.inner().into_data());
        for tensor in [hidden, output] {
            close(
                tensor.grad(&found).unwrap().into_data(),
                tensor.grad(&expected).unwrap().into_data(),
            );
        }
    }

    #[test]
    fn a_hopeless_target_has_a_finite_loss() {
        let device = Device::flex();
        let hidden = Tensor::<2>::from_data([[200.0]], &device);
        let output = Tensor::<2>::from_data([[1.0], [-1.0]], &device);
        let targets = Tensor::<1, Int>::from_data([1], &device);
        let loss = token_losses(hidden, output, targets);
        assert_eq!(loss.into_data().iter::<f32>().next(), Some(400.0));
    }
}
