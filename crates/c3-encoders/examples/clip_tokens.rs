//! Cuts every line of some files into CLIP's tokens; `clip_tokens.py` compares with `open_clip`.
//!
//! ```text
//! clip_tokens bpe_simple_vocab_16e6.txt.gz FILE...
//! ```
//!
//! Prints the token numbers of each line as one line.

use std::io::{self, BufWriter, Write};
use std::{env, error, fs};

use c3_encoders::clip::ClipTokenizer;

fn main() -> Result<(), Box<dyn error::Error>> {
    let mut arguments = env::args().skip(1);
    let merges = arguments.next().ok_or("see the head of this example")?;
    let tokenizer = ClipTokenizer::from_merges(merges.as_ref())?;
    let mut out = BufWriter::new(io::stdout().lock());
    for file in arguments {
        let text = fs::read_to_string(file)?;
        // Other ends of lines than this one are part of a text.
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        for ids in tokenizer.encode(&lines)? {
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            writeln!(out, "{}", ids.join(" "))?;
        }
    }
    Ok(())
}
