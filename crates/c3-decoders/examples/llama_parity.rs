//! Lets a Llama go on with some sentences, for `llama_parity.py` to hold against transformers.
//!
//! A sentence becomes the prefix: the mapper gets no say, and its bias is what the tokens of the
//! sentence mean to the Llama. Prints one line of JSON a sentence.
//!
//! ```text
//! cargo run --release -p c3-decoders --example llama_parity -- FILE.gguf SENTENCE...
//! ```

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, DecoderFile, Decoding, Mapper, PrefixDecoder,
    PretrainedPrefix, PretrainedUse, ReadAt, Split,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

const N_TOKENS: usize = 24;

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

/// The decoder that has read these tokens before every caption.
fn after(file: &DecoderFile<'_>, tokens: &[u32]) -> PrefixDecoder {
    let how = PretrainedUse {
        fresh: Some(PretrainedPrefix {
            d_embed: 1,
            n_prefix: tokens.len(),
            mapper: Mapper::Linear,
            read_at: ReadAt::RootWidth,
        }),
        max_tokens: N_TOKENS,
        dropout: 0.0,
    };
    let decoder = file.decoder(&how, 0, &Device::flex()).expect("a Llama");
    let bytes = decoder.to_safetensors().expect("weights");
    let tensors = SafeTensors::deserialize(&bytes).expect("weights");
    let table = tensors.tensor("tokens").expect("every decoder has tokens");
    let row = 4 * decoder.config().d_model;
    let meant: Vec<u8> = tokens
        .iter()
        .flat_map(|token| &table.data()[*token as usize * row..][..row])
        .copied()
        .collect();
    let zeros = vec![0; meant.len()];
    let views = tensors.tensors().into_iter().map(|(name, view)| {
        let data = match name.as_str() {
            "prefix.project.weight" => &zeros,
            "prefix.project.bias" => &meant,
            _ => return (name, view),
        };
        let view = TensorView::new(view.dtype(), view.shape().to_vec(), data);
        (name, view.expect("as long as before"))
    });
    let changed = safetensors::serialize(views.collect::<Vec<_>>(), None).expect("weights");
    PrefixDecoder::from_safetensors(&changed, decoder.config(), &Device::flex()).expect("weights")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the path of a GGUF");
    let bytes = std::fs::read(&path).expect("a file that can be read");
    let words = CaptionTokenizer::from_gguf(&bytes).expect("tokens");
    let file = DecoderFile::open(&[&bytes], None).expect("a GGUF");
    for sentence in arguments {
        let mut tokens = words.encode(&sentence).expect("tokens");
        tokens.pop(); // the end
        let decoder = after(&file, &tokens);
        let one = Embeddings::new(vec![1.0], 1).expect("a number");
        let first: Vec<f64> = (0..16)
            .map(|token| {
                let set = CaptionSet::one_to_one(one.clone(), vec![vec![token * 3000]]);
                let split = Split::new(set.expect("one of each"), clean);
                -decoder.loss(&split, 1, 0).expect("a loss")
            })
            .collect();
        let captioner = Captioner::new(decoder, words.clone()).expect("one vocabulary");
        let captions = captioner.caption(&one, &Decoding::default());
        let best = &captions.expect("a caption")[0][0];
        let line = serde_json::json!({
            "sentence": sentence,
            "tokens": tokens,
            "first": first,
            "text": best.text,
            "log_probability": best.log_probability,
        });
        println!("{line}");
    }
}
