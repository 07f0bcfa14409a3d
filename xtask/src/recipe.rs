//! A recipe: every setting of a run, in one TOML file.

mod decoders;
mod keys;
mod settings;
mod spaces;

use std::path::Path;

use anyhow::{Context, bail, ensure};

pub(crate) use decoders::{DecoderSettings, FineTuning, Reads, ShareOf};
pub(crate) use settings::{
    DataKind, DataSettings, ImageMean, MeanPrecision, NamedRule, Recipe, SelectBy, SigmaRule,
    TransformSettings, Validation,
};
pub(crate) use spaces::{
    ConnectSettings, EncodeSettings, ImageFeatures, TextFeatures, TowerSettings,
};

/// The recipes that are compiled in, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("emoji", include_str!("../recipes/emoji.toml")),
    ("flickr8k", include_str!("../recipes/flickr8k.toml")),
    (
        "coco-clip-gpt2",
        include_str!("../recipes/coco-clip-gpt2.toml"),
    ),
    (
        "coco-imagebind-gpt2",
        include_str!("../recipes/coco-imagebind-gpt2.toml"),
    ),
    (
        "flickr30k-clip-gpt2",
        include_str!("../recipes/flickr30k-clip-gpt2.toml"),
    ),
];

/// Reads a recipe by built-in name or by path, and applies `key=value` overrides.
pub(crate) fn load(name: &str, overrides: &[String]) -> anyhow::Result<Recipe> {
    let mut table = read(name)?;
    keys::check(&table, name)?;
    for text in overrides {
        let (key, value) = keys::parse_override(text)?;
        keys::set(&mut table, &key, value)
            .with_context(|| format!("cannot apply `--set {text}`"))?;
    }
    let connect = table.get("connect").and_then(toml::Value::as_table);
    let is_whole = |connect: &toml::Table| {
        let kind = connect.get("kind").and_then(toml::Value::as_str);
        kind != Some("towers") || connect.contains_key("image")
    };
    ensure!(
        connect.is_none_or(is_whole),
        "recipe `{name}` describes no towers; `connect.kind = \"towers\"` goes with tables \
         `connect.image`, `connect.text` and `connect.training`, as in recipe `flickr8k`"
    );
    let recipe: Recipe = toml::Value::Table(table)
        .try_into()
        .with_context(|| format!("recipe `{name}` has a setting of the wrong kind"))?;
    recipe.check()?;
    Ok(recipe)
}

/// The recipe as TOML text, every setting in it.
pub(crate) fn to_toml(recipe: &Recipe) -> anyhow::Result<String> {
    toml::to_string_pretty(recipe).context("cannot write the recipe as TOML")
}

/// Reads a recipe back that [`to_toml`] wrote.
pub(crate) fn from_toml(text: &str) -> anyhow::Result<Recipe> {
    toml::from_str(text).context("cannot read the recipe of this run")
}

fn read(name: &str) -> anyhow::Result<toml::Table> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(toml::from_str(text)?);
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
        bail!(
            "no recipe is called `{name}`; there are {}, or give a TOML file",
            known.join(", ")
        );
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    toml::from_str(&text).with_context(|| format!("`{name}` is not TOML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_whole_and_survives_a_round_trip() {
        for (name, _) in BUILT_IN {
            let recipe = load(name, &[]).unwrap();
            assert_eq!(recipe.name, name);
            assert_eq!(from_toml(&to_toml(&recipe).unwrap()).unwrap(), recipe);
        }
    }

    #[test]
    fn an_override_changes_one_setting() {
        let recipe = load(
            "emoji",
            &["transform.sigma=0.08".into(), "run.seeds=[7]".into()],
        );
        let recipe = recipe.unwrap();
        assert_eq!(recipe.transform.sigma, SigmaRule::Value(0.08));
        assert_eq!(recipe.run.seeds, [7]);
        let recipe = load("emoji", &["training.patience=2".into()]).unwrap();
        assert_eq!(recipe.training.patience, Some(2));
        for value in ["more.txt", "[\"more.txt\"]"] {
            let recipe = load("emoji", &[format!("text.extra={value}")]).unwrap();
            assert_eq!(recipe.text.extra, [std::path::PathBuf::from("more.txt")]);
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = load("emoji", &["training.epoch=3".into()]).unwrap_err();
        let said = format!("{error:#}");
        assert!(
            said.ends_with("is called `training.epoch`; did you mean `training.epochs`?"),
            "{said}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let error = format!(
            "{:#}",
            load("emoji", &["training.epochs=many".into()]).unwrap_err()
        );
        assert!(
            error.contains("wrong kind") && error.contains("many"),
            "{error}"
        );
        let error = load("emoji", &["training.epochs".into()]).unwrap_err();
        assert!(error.to_string().contains("key=value"), "{error}");
    }

    #[test]
    fn settings_that_do_not_go_together_are_named() {
        let cases: [(&str, &[&str], &str); 7] = [
            ("emoji", &["run.seeds=[1, 1]"], "names one twice"),
            ("emoji", &["fine_tuning.fractions=[0.1, 0.1]"], "10 % twice"),
            (
                "emoji",
                &["fine_tuning.fractions=[10]"],
                "above 0 and at most 1",
            ),
            (
                "coco-clip-gpt2",
                &["connect.kind=towers"],
                "as in recipe `flickr8k`",
            ),
            ("coco-clip-gpt2", &["data.evaluate=dev"], "are both `dev`"),
            ("emoji", &["training.tune=mapper"], "`decoder.pretrained`"),
            (
                "emoji",
                &["encode.image={kind=\"clip\", model=\"x\"}"],
                "reads pixels",
            ),
        ];
        for (recipe, overrides, expected) in cases {
            let overrides: Vec<String> = overrides.iter().map(|set| (*set).to_owned()).collect();
            let said = format!("{:#}", load(recipe, &overrides).unwrap_err());
            assert!(said.contains(expected), "{overrides:?}: {said}");
        }
        let good = [
            "fine_tuning.fractions=[0.1]",
            "fine_tuning.training.patience=2",
        ];
        let recipe = load("emoji", &good.map(str::to_owned)).unwrap();
        let fine_tuning = recipe.fine_tuning.expect("it was asked for");
        assert_eq!(fine_tuning.training.patience, Some(2));
    }

    #[test]
    fn an_unknown_recipe_lists_the_known_ones() {
        let error = load("emojis", &[]).unwrap_err().to_string();
        assert!(error.contains("emoji, flickr8k"), "{error}");
    }
}
