//! How a run begins, and how it is gone on with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use c3_artifacts::{RunFolder, RunManifest};
use c3_encoders::imagebind::ImageBind;

use crate::corpus::{self, Corpus};
use crate::device::{Chosen, DeviceChoice};
use crate::encode;
use crate::fetch::{self, Serves};
use crate::pretrained::{self, Pretrained};
use crate::recipe::{self, ConnectSettings, EncodeSettings, Recipe};
use crate::run::{self, Run};
use crate::{memory, train};

/// Arguments of a step that can begin a run.
#[derive(Debug, clap::Args)]
pub(crate) struct RecipeArguments {
    /// Recipe by name (emoji, flickr8k, coco-clip-gpt2, ...) or path of a TOML file.
    #[arg(long, default_value = "emoji")]
    recipe: String,
    /// Folder of the data set, for recipes that read one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A CLIP or an ImageBind whose space is used instead of the recipe's: `clip-vit-b-32` or
    /// another name that `fetch` lists, `hf:owner/name@revision`, or a path, as in `./folder`.
    /// With `--set connect.kind=towers`, towers are trained over its features.
    #[arg(long, value_name = "NAME|hf:NAME|PATH")]
    encoder: Option<String>,
    /// Changes one setting of the recipe; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder of the run; `runs/RECIPE-TIME` if absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl RecipeArguments {
    /// Makes a folder for a new run; nothing is left of it if it cannot begin.
    pub(crate) fn begin(&self, device: DeviceChoice) -> anyhow::Result<(Run, Corpus)> {
        if self.encoder.is_some() {
            self.check_overrides()?;
        }
        let mut recipe = recipe::load(&self.recipe, &self.overrides)?;
        if let Some(data) = self.data.as_ref().or(recipe.data.path.as_ref()) {
            recipe.data.path = Some(std::path::absolute(data)?);
        }
        if let Some(encoder) = &self.encoder {
            self.take_space_of(encoder, &mut recipe)?;
        }
        for path in &mut recipe.text.extra {
            *path = std::path::absolute(&path)?; // a run may be gone on with from elsewhere
        }
        for model in recipe.models_mut() {
            *model = lasting_name(model)?;
        }
        let corpus = corpus::load(&recipe)?;
        encode::check_weights(&recipe)?;
        let device = device.open()?;
        let second = recipe.fine_tuning.as_ref().map(|second| &second.training);
        for training in second.into_iter().chain([&recipe.training]) {
            training.precision.check(&device.device)?;
        }
        check_decoder(&recipe, &corpus, &device)?;
        let inputs = input_hashes(&recipe, &corpus)?;
        let manifest = run::manifest(&recipe, &device, inputs)?;
        let folder = RunFolder::create(&self.out_folder(&recipe), manifest)?;
        Ok((Run::new(folder, recipe, device)?, corpus))
    }

    /// Whether a setting that begins so is overridden.
    fn sets(&self, key: &str) -> bool {
        let mut overrides = self.overrides.iter();
        overrides.any(|set| set.trim().starts_with(key))
    }

    /// Refuses what `--encoder` says already.
    fn check_overrides(&self) -> anyhow::Result<()> {
        ensure!(
            !self.sets("encode."),
            "`--encoder` and `--set encode...` both say what encodes; give one of them"
        );
        ensure!(
            self.sets("connect.kind") || !self.sets("connect."),
            "`--encoder` takes a space as it is, so `--set connect...` would do nothing; with \
             `--set connect.kind=towers` towers are trained over its features"
        );
        Ok(())
    }

    /// Lets an encoder make the features, and its space be that of the run unless towers are asked
    /// for.
    fn take_space_of(&self, encoder: &str, recipe: &mut Recipe) -> anyhow::Result<()> {
        recipe.encode = encoders(encoder)?;
        if !self.sets("connect.kind") {
            recipe.connect = ConnectSettings::Given;
        }
        recipe.check()
    }

    fn out_folder(&self, recipe: &Recipe) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            let time = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S");
            PathBuf::from("runs").join(format!("{}-{time}", recipe.name))
        })
    }
}

/// Both towers of a CLIP or of an ImageBind, told apart by what lies there.
fn encoders(name: &str) -> anyhow::Result<EncodeSettings> {
    let is_imagebind = match fetch::serves(name) {
        Some(serves) => serves == Serves::ImageBind,
        None => ImageBind::is_at(&fetch::clip(name)?),
    };
    Ok(match is_imagebind {
        true => EncodeSettings::imagebind(name),
        false => EncodeSettings::clip(name),
    })
}

/// A name as it is, and a path so that a run may be gone on with from elsewhere.
fn lasting_name(encoder: &str) -> anyhow::Result<String> {
    if fetch::serves(encoder).is_some() || !Path::new(encoder).exists() {
        return Ok(encoder.to_owned());
    }
    let path = std::path::absolute(encoder)?;
    let name = path.to_str().map(str::to_owned);
    name.with_context(|| format!("`{encoder}` is no path of Unicode letters"))
}

/// Opens the run in `folder`; its recipe, its inputs and our version must be those it began with.
pub(crate) fn resume(folder: &Path, device: DeviceChoice) -> anyhow::Result<(Run, Corpus)> {
    ensure!(
        folder.is_dir(),
        "`{}` is not there; there is no run to go on with",
        folder.display()
    );
    let folder = RunFolder::resume(folder)?;
    let recipe = recipe::from_toml(&folder.manifest().recipe)?;
    let corpus = corpus::load(&recipe)?;
    let device = device.open()?;
    let inputs = input_hashes(&recipe, &corpus)?;
    let now = run::manifest(&recipe, &device, inputs)?;
    // The recipe is the run's own; a newer version may only write it differently.
    let stored = folder.manifest().recipe.clone();
    folder.check_unchanged(&RunManifest {
        recipe: stored,
        ..now
    })?;
    Ok((Run::new(folder, recipe, device)?, corpus))
}

/// Refuses a decoder to start from that does not fit the space or the memory, before hours of
/// other work.
fn check_decoder(recipe: &Recipe, corpus: &Corpus, device: &Chosen) -> anyhow::Result<()> {
    let Some(name) = &recipe.decoder.pretrained else {
        return Ok(());
    };
    let weights = Pretrained::open(&fetch::decoder(name)?, recipe.decoder.stop)?;
    let Some(width) = encode::width(recipe, corpus)? else {
        return Ok(());
    };
    weights.check_width(width)?;
    if !device.is_processor() {
        return Ok(()); // how much a graphics card has, nobody says
    }
    let sizes = weights.sizes(&recipe.decoder.before_pretrained(width, 1))?;
    let lanes = train::side_by_side(recipe, device, recipe.run.n_decoders());
    memory::check(&recipe.training.footprint(&sizes)?, lanes)
}

/// Digests of all that a run reads: data, sentences and weights to start from.
fn input_hashes(recipe: &Recipe, corpus: &Corpus) -> anyhow::Result<BTreeMap<String, String>> {
    let mut inputs = encode::input_hashes(corpus)?;
    if let Some(name) = &recipe.decoder.pretrained {
        let digest = pretrained::digest(&fetch::decoder(name)?)?;
        inputs.insert("pretrained decoder".to_owned(), digest);
    }
    Ok(inputs)
}
