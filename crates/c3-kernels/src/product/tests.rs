//! Products against sums in the order of the columns, and what an epilogue adds.

use super::*;
use rayon::ThreadPoolBuilder;

/// Rows, inputs, outputs.
const SIZES: [[usize; 3]; 10] = [
    [1, 1, 1],
    [7, 5, 3],
    [8, 16, 48],
    [9, 17, 49],
    [13, 31, 101],
    [50, 96, 64],
    [77, 128, 97],
    [3, 0, 5], // nothing but the bias
    [0, 4, 5],
    [3, 4, 0],
];

fn waves(n: usize, step: f32) -> Vec<f32> {
    (0..n).map(|at| (at as f32 * step).sin()).collect()
}

/// A product on one vector size, whatever the processor has beyond that.
fn multiply_as(
    run: impl Fn(Part<'_>),
    panels: &Panels,
    [x, bias]: [&[f32]; 2],
    out: &mut [f32],
    last: Last,
) {
    for (index, out) in columns(out, panels.d_output).into_iter().enumerate() {
        run(Part {
            x,
            panel: panels.panel(index),
            bias: &bias[index * PANEL..],
            out,
            last,
        });
    }
}

#[test]
fn products_agree_with_sums_in_double_precision() {
    for [rows, d_input, d_output] in SIZES {
        let (x, turned) = (waves(rows * d_input, 0.37), waves(d_output * d_input, 0.73));
        let (bias, mut out) = (waves(d_output, 0.3), waves(rows * d_output, 0.5));
        let before = out.clone();
        let panels = Panels::new(&turned, [d_output, d_input]);
        panels.multiply(&x, &bias, &mut out, Last::Onto);
        for (at, (ours, before)) in out.iter().zip(before).enumerate() {
            let (row, column) = (at / d_output, at % d_output);
            let pairs = x[row * d_input..].iter().zip(&turned[column * d_input..]);
            let terms = pairs
                .take(d_input)
                .map(|(x, y)| f64::from(*x) * f64::from(*y));
            let exact = terms.sum::<f64>() + f64::from(bias[column]) + f64::from(before);
            // Half a unit of sums below 32 for each sum at most, and far less in the mean.
            let error = (f64::from(*ours) - exact).abs();
            assert!(error < 2e-5, "{rows} {d_input} {d_output} {at}: {error:e}");
        }
    }
}

#[test]
fn matrices_side_by_side_are_one() {
    let (d_input, widths) = (7, [20, 3, 50]);
    let parts = widths.map(|width| waves(d_input * width, 0.3 + width as f32));
    let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
    let panels = Panels::side_by_side(&parts, d_input);
    assert_eq!(panels.d_output(), 73);
    let columns = parts.iter().zip(widths).flat_map(|(part, width)| {
        (0..width).map(move |column| part[column..].iter().step_by(width))
    });
    let turned: Vec<f32> = columns.flatten().copied().collect();
    for (column, expected) in turned.chunks_exact(d_input).enumerate() {
        assert!(panels.column(column).eq(expected.iter().copied()));
    }
    let (x, bias) = (waves(5 * d_input, 0.7), vec![0.5; 73]);
    let [mut here, mut there] = [vec![0.0; 5 * 73], vec![0.0; 5 * 73]];
    panels.multiply(&x, &bias, &mut here, Last::Onto);
    Panels::new(&turned, [73, d_input]).multiply(&x, &bias, &mut there, Last::Onto);
    assert_eq!(here, there);
}

#[test]
fn all_sizes_of_vectors_agree() {
    let [rows, d_input, d_output] = [13, 31, 101];
    let (x, turned) = (waves(rows * d_input, 0.37), waves(d_output * d_input, 0.73));
    let bias = waves(d_output, 0.3);
    let panels = Panels::new(&turned, [d_output, d_input]);
    let mut fastest = vec![0.0; rows * d_output];
    panels.multiply(&x, &bias, &mut fastest, Last::Over(Activation::Relu6));
    let last = Last::Over(Activation::Relu6);
    let mut scalar = vec![0.0; rows * d_output];
    let run = |part: Part<'_>| part.with_simd(pulp::Scalar::new());
    multiply_as(run, &panels, [&x, &bias], &mut scalar, last);
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        let mut shorter = vec![0.0; rows * d_output];
        let run = |part: Part<'_>| Simd::vectorize(simd, part);
        multiply_as(run, &panels, [&x, &bias], &mut shorter, last);
        assert_eq!(shorter, fastest); // fused, and in one order
    }
    for (scalar, fastest) in scalar.iter().zip(fastest) {
        assert!((scalar - fastest).abs() < 3e-6, "{scalar} {fastest}");
    }
}

#[test]
fn threads_change_no_bit() {
    let (x, turned) = (waves(50 * 96, 0.37), waves(300 * 96, 0.73));
    let panels = Panels::new(&turned, [300, 96]);
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut out = vec![0.0; 50 * 300];
        let last = Last::Over(Activation::Gelu);
        pool.install(|| panels.multiply(&x, &[0.1; 300], &mut out, last));
        out
    };
    assert_eq!(on(1), on(5));
}

#[test]
#[should_panic(expected = "rows as wide as the matrix")]
fn rows_of_another_width_are_refused() {
    let panels = Panels::new(&[1.0; 12], [4, 3]);
    panels.multiply(&[1.0; 8], &[0.0; 4], &mut [0.0; 8], Last::Onto);
}

#[test]
#[should_panic(expected = "a matrix of that shape")]
fn a_matrix_of_another_shape_is_refused() {
    let _ = Panels::new(&[1.0; 12], [4, 4]);
}
