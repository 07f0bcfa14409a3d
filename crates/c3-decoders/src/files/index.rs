//! `model.safetensors.index.json`: which file holds which tensor.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::DecoderError;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that the index of a model in shards names, each once, in the order of their names.
///
/// # Errors
///
/// [`DecoderError::ShardIndex`] if the text is no index, [`DecoderError::ShardName`] for a file
/// that would lie outside the folder.
pub fn shards(index: &str) -> Result<Vec<String>, DecoderError> {
    let index: Index =
        serde_json::from_str(index).map_err(|source| DecoderError::ShardIndex { source })?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    let outside = |name: &&String| name.contains(['/', '\\']) || *name == "..";
    match names.iter().find(outside) {
        Some(name) => Err(DecoderError::ShardName { name: name.clone() }),
        None => Ok(names.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_named_once_and_none_outside_the_folder() {
        let index = |file: &str| {
            format!(
                r#"{{"metadata": {{}}, "weight_map": {{"a": "2.x", "b": "{file}", "c": "2.x"}}}}"#
            )
        };
        assert_eq!(shards(&index("1.x")).unwrap(), ["1.x", "2.x"]);
        let error = shards(&index("../1.x")).unwrap_err().to_string();
        assert!(error.contains("`../1.x`"), "{error}");
        assert!(matches!(
            shards(r#"{"tensors": 3}"#),
            Err(DecoderError::ShardIndex { .. })
        ));
    }
}
