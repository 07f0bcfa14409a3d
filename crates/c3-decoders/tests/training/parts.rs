//! A batch in parts, whose gradients add up.

use c3_decoders::{CaptionSet, Checkpoints, Output, PrefixDecoderConfig, Split, TrainingConfig};
use c3_geometry::Embeddings;
use safetensors::SafeTensors;

use super::{D_EMBED, END, bytes, clean, decoder, session, training};

#[test]
fn parts_without_a_gradient_take_none_from_others() {
    // A caption of its end alone reads no token, so it says nothing of their table.
    let captions = vec![vec![3, 4, END], vec![END], vec![END], vec![5, END]];
    let rows = (0..4 * D_EMBED).map(|at| (at as f32).sin()).collect();
    let rows = Embeddings::new(rows, D_EMBED).unwrap();
    let data = Split::new(CaptionSet::one_to_one(rows, captions).unwrap(), clean);
    let untied = PrefixDecoderConfig {
        output: Output::Untied,
        dropout: 0.0,
        ..decoder()
    };
    let weights = |parts| {
        let config = TrainingConfig {
            epochs: 2,
            batch_size: 4,
            parts,
            ..training()
        };
        let trained = config.train(&untied, &data, &data, session(Checkpoints::InMemory));
        let bytes = bytes(&trained.unwrap());
        let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
        let data = tensors.iter().flat_map(|(_, one)| one.data().as_chunks().0);
        data.map(|four| f32::from_le_bytes(*four)).collect()
    };
    let whole: Vec<f32> = weights(1);
    for parts in [2, 3, 4] {
        let found: Vec<f32> = weights(parts);
        assert_eq!(found.len(), whole.len());
        let apart = found.iter().zip(&whole).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        // Rounding, where AdamW divides by next to nothing; the two steps move each by 6e-3.
        assert!(apart < 1e-3, "{parts} parts: {apart}");
    }
}
