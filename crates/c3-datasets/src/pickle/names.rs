//! The tensors of a pickle by the path that leads to each.

use std::sync::Arc;

use super::{Tensor, Value};

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
