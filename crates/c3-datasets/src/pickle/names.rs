//! The tensors of a pickle by the path that leads to each.

use std::sync::Arc;

use super::{Tensor, Value};

/// Keys under which checkpoints keep the weights among other things.
const WEIGHTS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// The weights of a checkpoint: what lies under `state_dict`, `model_state_dict` or `model`, in
/// that order, or all of it if there is none of them.
#[must_use]
pub fn state_dict<'v, 'a>(value: &'v Value<'a>) -> &'v Value<'a> {
    let inner = WEIGHTS.iter().find_map(|key| value.get(key));
    inner
        .filter(|inner| inner.as_map().is_some())
        .unwrap_or(value)
}

/// Every tensor in a value, named by the keys that lead to it, joined with points.
///
/// This is how PyTorch names the weights of modules in modules. Items of a list are named by
/// their number, and a tensor that is the whole value is called `tensor`.
#[must_use]
pub fn tensors<'a>(value: &Value<'a>) -> Vec<(String, Arc<Tensor<'a>>)> {
    let mut found = Vec::new();
    collect(value, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(
    value: &Value<'a>,
    path: &mut Vec<String>,
    found: &mut Vec<(String, Arc<Tensor<'a>>)>,
) {
    match value {
        Value::Tensor(tensor) => {
            let name = match path.is_empty() {
                true => "tensor".to_owned(),
                false => path.join("."),
            };
            found.push((name, Arc::clone(tensor)));
        }
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                path.push(key_name(key));
                collect(value, path, found);
                path.pop();
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                collect(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn key_name(key: &Value<'_>) -> String {
    match key {
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<'a>(entries: &[(&str, Value<'a>)]) -> Value<'a> {
        let entries = entries.iter();
        Value::Map(
            entries
                .map(|(key, value)| (Value::Text((*key).into()), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn weights_lie_under_a_key_of_their_own_or_are_all_there_is() {
        let weights = map(&[("weight", Value::Integer(1))]);
        assert_eq!(state_dict(&weights), &weights);
        for key in WEIGHTS {
            let checkpoint = map(&[("epoch", Value::Integer(3)), (key, weights.clone())]);
            assert_eq!(state_dict(&checkpoint), &weights);
        }
        let named = map(&[("model", Value::Text("ViT".into()))]);
        assert_eq!(state_dict(&named), &named);
    }
}
