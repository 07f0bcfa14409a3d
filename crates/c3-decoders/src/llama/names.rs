//! Where others keep the weights that a decoder of ours has.

/// Whose names a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Of transformers: `model.layers.0.self_attn.q_proj.weight`.
    HuggingFace,
    /// Of llama.cpp: `blk.0.attn_q.weight`.
    Gguf,
}

/// A tensor of a file, and what is done to it on the way in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Its name in the file.
    pub(super) name: String,
    pub(super) part: Part,
}

/// How a tensor is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it lies.
    Whole,
    /// A matrix of rows, `[d_output, d_input]`, turned.
    Turned,
    /// Rows that llama.cpp has put in another order, head by head; then turned.
    Paired(Heads),
}

/// Which heads the rows of a matrix belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    Queries,
    Keys,
}

impl Names {
    /// The token embeddings.
    pub(super) fn tokens(self) -> &'static str {
        match self {
            Self::HuggingFace => "model.embed_tokens.weight",
            Self::Gguf => "token_embd.weight",
        }
    }

    /// The output weights, which are those of the tokens where they are not there.
    pub(super) fn output(self) -> &'static str {
        match self {
            Self::HuggingFace => "lm_head.weight",
            Self::Gguf => "output.weight",
        }
    }

    /// Where a parameter of ours lies; nothing for those of a mapper.
    pub(super) fn place(self, ours: &str) -> Option<Place> {
        let (name, part) = match ours {
            "tokens" => (self.tokens().to_owned(), Part::Whole),
            "output" => (self.output().to_owned(), Part::Whole),
            "norm.gamma" => {
                let name = match self {
                    Self::HuggingFace => "model.norm.weight",
                    Self::Gguf => "output_norm.weight",
                };
                (name.to_owned(), Part::Whole)
            }
            _ => self.in_block(ours)?,
        };
        Some(Place { name, part })
    }

    fn in_block(self, ours: &str) -> Option<(String, Part)> {
        let (block, rest) = ours.strip_prefix("blocks.")?.split_once('.')?;
        let (layer, _) = rest.rsplit_once('.')?;
        let (theirs, in_gguf, part) = match layer {
            "norm_attention" => ("input_layernorm", "attn_norm", Part::Whole),
            "attention.query" => ("self_attn.q_proj", "attn_q", self.rows(Heads::Queries)),
            "attention.key" => ("self_attn.k_proj", "attn_k", self.rows(Heads::Keys)),
            "attention.value" => ("self_attn.v_proj", "attn_v", Part::Turned),
            "attention.project" => ("self_attn.o_proj", "attn_output", Part::Turned),
            "norm_mlp" => ("post_attention_layernorm", "ffn_norm", Part::Whole),
            "gate" => ("mlp.gate_proj", "ffn_gate", Part::Turned),
            "up" => ("mlp.up_proj", "ffn_up", Part::Turned),
            "down" => ("mlp.down_proj", "ffn_down", Part::Turned),
            _ => return None,
        };
        let name = match self {
            Self::HuggingFace => format!("model.layers.{block}.{theirs}.weight"),
            Self::Gguf => format!("blk.{block}.{in_gguf}.weight"),
        };
        Some((name, part))
    }

    /// The two numbers that a position turns stand half a head apart; llama.cpp has them side by
    /// side.
    fn rows(self, heads: Heads) -> Part {
        match self {
            Self::HuggingFace => Part::Turned,
            Self::Gguf => Part::Paired(heads),
        }
    }

    /// True of what older files hold besides: the angles, which follow from the sizes.
    pub(super) fn is_beside(self, name: &str) -> bool {
        self == Self::HuggingFace && name.ends_with(".rotary_emb.inv_freq")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_are_known() {
        let place = |names: Names, ours| names.place(ours).unwrap();
        let query = place(Names::HuggingFace, "blocks.11.attention.query.weight");
        assert_eq!(query.name, "model.layers.11.self_attn.q_proj.weight");
        assert_eq!(query.part, Part::Turned);
        let key = place(Names::Gguf, "blocks.2.attention.key.weight");
        assert_eq!(key.name, "blk.2.attn_k.weight");
        assert_eq!(key.part, Part::Paired(Heads::Keys));
        assert_eq!(place(Names::Gguf, "output").name, "output.weight");
        assert_eq!(Names::Gguf.place("prefix.project.weight"), None);
    }
}
