//! The contrastive loss.

use burn::tensor::Tensor;

/// Symmetric InfoNCE of a batch of matched unit embeddings.
///
/// `L = (CE(S / t) + CE(S^T / t)) / 2` with `S[i, j] = x_i . y_j`, the right
/// answer on the diagonal (CLIP, Radford et al. 2021, arXiv:2103.00020).
///
/// # Shapes
///
/// - `x`, `y`: `[batch, d_embed]`, unit rows; `scale`: `[1]`, `1 / t`.
/// - result: `[1]`, nats.
pub(super) fn info_nce(x: Tensor<2>, y: Tensor<2>, scale: Tensor<1>) -> Tensor<1> {
    let scale = scale.unsqueeze::<2>(); // [1, 1]
    let positive = (x.clone() * y.clone()).sum_dim(1) * scale.clone(); // [batch, 1]
    let logits = x.matmul(y.transpose()) * scale; // [batch, batch]
    let to_text = log_sum_exp(logits.clone());
    let to_image = log_sum_exp(logits.transpose());
    ((to_text + to_image) * 0.5 - positive).mean()
}

/// `log sum exp` of every row: `[batch, n]` to `[batch, 1]`.
fn log_sum_exp(logits: Tensor<2>) -> Tensor<2> {
    let top = logits.clone().max_dim(1).detach();
    (logits - top.clone()).exp().sum_dim(1).log() + top
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn equal_similarities_cost_the_log_of_the_batch() {
        let device = Device::flex();
        let same = Tensor::<2>::from_data([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], &device);
        let loss = info_nce(same.clone(), same, Tensor::from_data([100.0], &device));
        assert!((loss.into_scalar::<f32>() - 3.0_f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_loss_agrees_with_a_sum_by_hand() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device);
        let y = Tensor::<2>::from_data([[0.6, 0.8], [0.0, 1.0]], &device);
        // S / t = 2 S = [[1.2, 0], [1.6, 2]], row by row and column by column.
        let lse = |a: f32, b: f32| (a.exp() + b.exp()).ln();
        let rows = lse(1.2, 0.0) - 1.2 + lse(1.6, 2.0) - 2.0;
        let columns = lse(1.2, 1.6) - 1.2 + lse(0.0, 2.0) - 2.0;
        let loss = info_nce(x, y, Tensor::from_data([2.0], &device)).into_scalar::<f32>();
        assert!((loss - (rows + columns) / 4.0).abs() < 1e-6, "{loss}");
    }
}
