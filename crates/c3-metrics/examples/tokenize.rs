//! Prints the tokens of every line of the standard input.
//!
//! ```text
//! cargo run --release -p c3-metrics --example tokenize < captions.txt
//! ```

use std::io::{Write, stdin, stdout};

use c3_metrics::Tokenizer;

fn main() -> std::io::Result<()> {
    let captions: Vec<String> = stdin().lines().collect::<Result<_, _>>()?;
    let mut out = stdout().lock();
    for tokens in Tokenizer::new().tokenize_all(&captions) {
        writeln!(out, "{tokens}")?;
    }
    Ok(())
}
