//! Cuts the lines of its input into GPT-2's tokens: `gpt2_tokens VOCAB.json MERGES.txt < lines`.
//!
//! `benches/peers/gpt2_tokens.py` holds them against OpenAI's own.

use std::io::{BufRead, BufWriter, Write};

use c3_decoders::{CaptionTokenizer, Stop};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [vocabulary, merges] = &paths[..] else {
        return Err("say where vocab.json and merges.txt are".into());
    };
    let (vocabulary, merges) = (
        std::fs::read_to_string(vocabulary)?,
        std::fs::read_to_string(merges)?,
    );
    let words = CaptionTokenizer::gpt2(&vocabulary, &merges)?.stopping_at(Stop::FullStop)?;
    let mut output = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let tokens = words.encode(&line?)?;
        let spelt: Vec<String> = tokens.iter().map(u32::to_string).collect();
        writeln!(output, "{}", spelt.join(" "))?;
    }
    Ok(())
}
