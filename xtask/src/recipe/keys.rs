//! The keys of a recipe: which there are, and how one is overridden.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use toml::{Table, Value};

/// Settings that may have no value, or that only another kind of the same thing has.
const OPTIONAL: &[&str] = &[
    "data.limit",
    "data.path",
    "decoder.mapper.transformer.n_embedded",
    "decoder.mapper.transformer.n_heads",
    "decoder.mapper.transformer.n_layers",
    "decoding.max_tokens",
    "decoding.nucleus",
    "decoding.nucleus.p",
    "decoding.nucleus.seed",
    "decoding.nucleus.temperature",
    "fine_tuning.training.patience",
    "fine_tuning.training.tune.lora.alpha",
    "fine_tuning.training.tune.lora.rank",
    "training.patience",
    "training.tune.lora.alpha",
    "training.tune.lora.rank",
];

/// Tables whose keys depend on their `kind`, so they are replaced as a whole or by known leaf.
const TAGGED: [&str; 5] = [
    "connect.image",
    "connect.text",
    "decoder.tokenizer",
    "encode.image",
    "encode.text",
];

/// Refuses a recipe with a key that no recipe has.
pub(super) fn check(table: &Table, name: &str) -> anyhow::Result<()> {
    let known = known();
    for key in flatten(table) {
        if !known.contains(&key) {
            return Err(unknown(&key, &known).context(format!("recipe `{name}` cannot be used")));
        }
    }
    Ok(())
}

/// Cuts `key=value`; the value is read as TOML, and as a plain word where it is none.
pub(super) fn parse_override(text: &str) -> anyhow::Result<(String, Value)> {
    let Some((key, value)) = text.split_once('=') else {
        bail!("`--set {text}` has no `=`; write key=value, as in `--set training.epochs=3`");
    };
    let (key, value) = (key.trim(), value.trim());
    let parsed = toml::from_str::<Table>(&format!("value = {value}"));
    let value = match parsed {
        Ok(mut table) => table.remove("value").expect("the line sets it"),
        Err(_) => Value::String(value.to_owned()),
    };
    Ok((key.to_owned(), value))
}

/// Sets one key of a recipe.
pub(super) fn set(table: &mut Table, key: &str, value: Value) -> anyhow::Result<()> {
    let known = known();
    if !known.contains(key) {
        return Err(unknown(key, &known));
    }
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().expect("splitting gives at least one part");
    let mut place = table;
    for part in parts {
        let entry = place
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()));
        place = entry
            .as_table_mut()
            .ok_or_else(|| anyhow!("`{part}` is not a table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

fn unknown(key: &str, known: &BTreeSet<String>) -> anyhow::Error {
    let near = |candidate: &&String| strsim::damerau_levenshtein(key, candidate);
    let nearest = known.iter().min_by_key(near).expect("recipes have keys");
    anyhow!("no setting is called `{key}`; did you mean `{nearest}`?")
}

/// Every key that a recipe can have.
fn known() -> BTreeSet<String> {
    let mut known = written();
    let others = OPTIONAL.iter().chain(&TAGGED);
    known.extend(others.map(|key| (*key).to_owned()));
    known.insert("connect.temperature".to_owned());
    known
}

/// The keys of the built-in recipes as they are written into a run: with all that they leave out.
fn written() -> BTreeSet<String> {
    let keys = super::BUILT_IN.iter().flat_map(|(_, text)| {
        let whole = super::from_toml(text).and_then(|recipe| super::to_toml(&recipe));
        let whole = whole.expect("a test reads every built-in recipe");
        let table: Table = toml::from_str(&whole).expect("what was written is read");
        flatten(&table)
    });
    keys.collect()
}

/// The dotted path of every value; tables inside are walked, lists are values.
fn flatten(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                keys.extend(flatten(inner).iter().map(|key| format!("{name}.{key}")));
            }
            _ => keys.push(name.clone()),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_never_written_is_listed() {
        let written = written();
        let twice: Vec<&&str> = OPTIONAL
            .iter()
            .filter(|key| written.contains(**key))
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn what_every_recipe_leaves_out_can_be_set() {
        for key in [
            "training.precision",
            "training.tune",
            "fine_tuning.training.precision",
        ] {
            assert!(known().contains(key), "{key}");
        }
    }
}
