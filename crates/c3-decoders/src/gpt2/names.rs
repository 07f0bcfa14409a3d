//! Where others keep the weights that a decoder of ours has.

/// A tensor of a file, and what is done to it on the way in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Its name in the file.
    pub(super) name: String,
    pub(super) part: Part,
}

/// What of a tensor is taken, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of it, as it lies.
    Whole,
    /// The first rows of a longer table.
    FirstRows,
    /// One of three parts side by side: queries, keys and values in one matrix.
    Third(usize),
    /// One part of a matrix of rows, turned: part `at` of `of`.
    Turned { at: usize, of: usize },
}

/// The prefixes of names in one file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    /// Before the names of GPT-2, such as `transformer.`.
    pub(super) gpt: String,
    /// Before the names of the mapper, if there is one, and its kind.
    pub(super) mapper: Option<(String, MapperKind)>,
}

/// How a mapper is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapperKind {
    /// One linear layer.
    Linear,
    /// Two linear layers in a list, tanh between.
    Mlp,
    /// Linear, constants, layers of attention.
    Transformer,
}

impl Names {
    /// Finds the prefixes in the names of a file; nothing if it holds no GPT-2.
    pub(super) fn find<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Option<Self> {
        let gpt = names
            .clone()
            .find_map(|name| name.strip_suffix("wte.weight"))?;
        let before = |suffix: &str| {
            let mut found = names.clone().filter_map(|name| name.strip_suffix(suffix));
            found.find(|prefix| !prefix.starts_with(gpt) || gpt.is_empty())
        };
        let of = |prefix: &str, kind| Some((prefix.to_owned(), kind));
        let mapper = before("clip_project.model.2.weight")
            .and_then(|prefix| of(&format!("{prefix}clip_project.model."), MapperKind::Mlp))
            .or_else(|| {
                let prefix = before("clip_project.prefix_const")?;
                of(&format!("{prefix}clip_project."), MapperKind::Transformer)
            })
            .or_else(|| {
                let prefix = before("clip_project.weight")?;
                of(&format!("{prefix}clip_project."), MapperKind::Linear)
            })
            .or_else(|| {
                let has = names.clone().any(|name| name == "proj.weight");
                has.then(|| ("proj.".to_owned(), MapperKind::Linear))
            });
        Some(Self {
            gpt: gpt.to_owned(),
            mapper,
        })
    }

    /// Where a parameter of ours lies; nothing for one that the file does not have.
    pub(super) fn place(&self, ours: &str) -> Option<Place> {
        if let Some(rest) = ours.strip_prefix("prefix.") {
            let (prefix, kind) = self.mapper.as_ref()?;
            let (name, part) = in_mapper(rest, *kind)?;
            let name = format!("{prefix}{name}");
            return Some(Place { name, part });
        }
        let (name, part) = match ours {
            "tokens" => ("wte.weight".to_owned(), Part::Whole),
            "positions" => ("wpe.weight".to_owned(), Part::FirstRows),
            "norm.gamma" => ("ln_f.weight".to_owned(), Part::Whole),
            "norm.beta" => ("ln_f.bias".to_owned(), Part::Whole),
            _ => in_block(ours)?,
        };
        let name = format!("{}{name}", self.gpt);
        Some(Place { name, part })
    }

    /// True of what a file may hold besides: masks, and the output weights, which are the tokens'.
    pub(super) fn is_beside(&self, name: &str) -> bool {
        let buffer = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
        buffer && name.starts_with(&self.gpt) || self.is_head(name)
    }

    /// True of the output weights.
    pub(super) fn is_head(&self, name: &str) -> bool {
        let outside = self.gpt.strip_suffix("transformer.").unwrap_or(&self.gpt);
        name.strip_prefix(outside) == Some("lm_head.weight")
    }
}

/// Blocks: matrices of GPT-2 lie as they are applied, `[d_input, d_output]`.
fn in_block(ours: &str) -> Option<(String, Part)> {
    let (block, rest) = ours.strip_prefix("blocks.")?.split_once('.')?;
    let (layer, kind) = rest.rsplit_once('.')?;
    let kind = match kind {
        "gamma" | "weight" => "weight",
        _ => "bias",
    };
    let (name, part) = match layer {
        "norm_attention" => ("ln_1", Part::Whole),
        "attention.query" => ("attn.c_attn", Part::Third(0)),
        "attention.key" => ("attn.c_attn", Part::Third(1)),
        "attention.value" => ("attn.c_attn", Part::Third(2)),
        "attention.project" => ("attn.c_proj", Part::Whole),
        "norm_mlp" => ("ln_2", Part::Whole),
        "widen" => ("mlp.c_fc", Part::Whole),
        "narrow" => ("mlp.c_proj", Part::Whole),
        _ => return None,
    };
    Some((format!("h.{block}.{name}.{kind}"), part))
}

/// Mappers: layers of PyTorch, `[d_output, d_input]`.
fn in_mapper(ours: &str, kind: MapperKind) -> Option<(String, Part)> {
    if let Some(rest) = ours.strip_prefix("mixer.") {
        return in_mixer(rest);
    }
    let (layer, of) = ours.rsplit_once('.')?;
    let name = match (kind, layer) {
        (MapperKind::Mlp, "widen") => "0.",
        (MapperKind::Mlp, "project") => "2.",
        (MapperKind::Linear, "project") => "",
        (MapperKind::Transformer, "project") => "linear.",
        _ => return None,
    };
    let part = match of {
        "weight" => Part::Turned { at: 0, of: 1 },
        _ => Part::Whole,
    };
    Some((format!("{name}{of}"), part))
}

fn in_mixer(ours: &str) -> Option<(String, Part)> {
    if ours == "constants" {
        return Some(("prefix_const".to_owned(), Part::Whole));
    }
    let (layer, rest) = ours.strip_prefix("layers.")?.split_once('.')?;
    let (module, of) = rest.rsplit_once('.')?;
    let turned = match of {
        "weight" => Part::Turned { at: 0, of: 1 },
        _ => Part::Whole,
    };
    let (name, part) = match module {
        "norm_attention" | "norm_mlp" => {
            let name = if module == "norm_mlp" {
                "norm2"
            } else {
                "norm1"
            };
            let of = if of == "gamma" { "weight" } else { "bias" };
            return Some((
                format!("transformer.layers.{layer}.{name}.{of}"),
                Part::Whole,
            ));
        }
        "attention.query" => ("attn.to_queries", turned),
        "attention.key" => ("attn.to_keys_values", Part::Turned { at: 0, of: 2 }),
        "attention.value" => ("attn.to_keys_values", Part::Turned { at: 1, of: 2 }),
        "attention.project" => ("attn.project", turned),
        "widen" => ("mlp.fc1", turned),
        "narrow" => ("mlp.fc2", turned),
        _ => return None,
    };
    Some((format!("transformer.layers.{layer}.{name}.{of}"), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str]) -> Option<Names> {
        Names::find(names.iter().copied())
    }

    #[test]
    fn every_layout_is_recognised() {
        let plain = find(&["wte.weight", "wpe.weight"]).unwrap();
        assert_eq!((plain.gpt.as_str(), plain.mapper), ("", None));
        let head = find(&["lm_head.weight", "transformer.wte.weight"]).unwrap();
        assert_eq!(head.gpt, "transformer.");
        assert!(head.is_head("lm_head.weight"));
        let clipcap = find(&["gpt.transformer.wte.weight", "clip_project.model.2.weight"]);
        let clipcap = clipcap.unwrap();
        assert_eq!(clipcap.gpt, "gpt.transformer.");
        let place = clipcap.place("prefix.widen.weight").unwrap();
        assert_eq!(place.name, "clip_project.model.0.weight");
        assert!(clipcap.is_head("gpt.lm_head.weight"));
        let c3 = find(&[
            "model.model.transformer.wte.weight",
            "model.clip_project.prefix_const",
        ]);
        let place = c3
            .unwrap()
            .place("prefix.mixer.layers.3.attention.value.weight");
        let place = place.unwrap();
        let name = "model.clip_project.transformer.layers.3.attn.to_keys_values.weight";
        assert_eq!(
            (place.name.as_str(), place.part),
            (name, Part::Turned { at: 1, of: 2 })
        );
        let branch = find(&["decoder.transformer.wte.weight", "proj.weight"]).unwrap();
        assert_eq!(
            branch.place("prefix.project.bias").unwrap().name,
            "proj.bias"
        );
        assert_eq!(find(&["visual.proj", "token_embedding.weight"]), None);
    }

    #[test]
    fn the_third_of_a_matrix_is_named() {
        let names = find(&["h.0.ln_1.weight", "wte.weight"]).unwrap();
        let place = names.place("blocks.11.attention.key.bias").unwrap();
        assert_eq!(
            (place.name.as_str(), place.part),
            ("h.11.attn.c_attn.bias", Part::Third(1))
        );
        assert!(names.is_beside("h.3.attn.bias") && !names.is_beside("h.3.attn.c_attn.bias"));
        assert_eq!(names.place("prefix.project.weight"), None);
    }
}
