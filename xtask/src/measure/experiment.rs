//! `measure --experiment`: the theory of the paper, run on drawn embeddings.

use std::path::Path;

use anyhow::ensure;
use c3_artifacts::atomic;
use c3_geometry::{PAPER_GAMMA, SyntheticSettings, SyntheticSpace, depth_dimensions, initial_gap};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::charts::{self, Chart, Series, Style};
use crate::progress::Meter;
use crate::report::number::count;

/// Rows of the table that an optimisation prints.
const REPORTS: usize = 4;
/// Steps of gradient descent, as in the paper's notebook.
const STEPS: usize = 20_000;
/// Layers of the random network, as in the paper's notebook.
const LAYERS: usize = 45;

/// Which experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Experiment {
    /// Contrastive training of free embeddings: what becomes of the gap.
    Contrastive,
    /// Effective dimension of a random network, layer by layer.
    Depth,
}

/// Sizes of an experiment; the defaults are those of the paper's notebook.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExperimentSettings {
    /// Pairs of `contrastive`, rows of `depth`.
    #[arg(long, default_value_t = 500)]
    pairs: usize,
    /// Width of the space.
    #[arg(long, default_value_t = 512)]
    width: usize,
    /// Dimensions in which the first and the second modality vary.
    #[arg(long, num_args = 2, value_names = ["FIRST", "SECOND"], default_values_t = [25, 230])]
    effective: Vec<usize>,
    /// Steps of gradient descent (20,000 unless given), or layers of the network (45).
    #[arg(long)]
    steps: Option<usize>,
    /// Stops a training as soon as its loss is this low, in nats.
    #[arg(long, value_name = "LOSS")]
    until: Option<f64>,
    /// Learning rate.
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f64,
    /// Temperature; several, separated by commas, are swept.
    #[arg(long, default_value = "0.07", value_delimiter = ',')]
    temperature: Vec<f64>,
}

/// One line of a training.
#[derive(Clone, Copy, Debug, Serialize)]
struct Moment {
    step: usize,
    loss: f64,
    gap: f64,
    ineffective_gap: f64,
}

/// A training at one temperature.
#[derive(Debug, Serialize)]
struct Training {
    temperature: f64,
    moments: Vec<Moment>,
}

impl Experiment {
    /// Runs the experiment, prints its table and writes its numbers and pictures.
    pub(crate) fn run(
        self,
        settings: &ExperimentSettings,
        seed: u64,
        out: &Path,
    ) -> anyhow::Result<()> {
        std::fs::create_dir_all(out)?;
        match self {
            Self::Contrastive => contrastive(settings, seed, out),
            Self::Depth => depth(settings, seed, out),
        }
    }
}

fn contrastive(settings: &ExperimentSettings, seed: u64, out: &Path) -> anyhow::Result<()> {
    let (d_x, d_y) = (settings.effective[0], settings.effective[1]);
    ensure!(
        d_x.saturating_add(d_y) <= settings.width,
        "a space of width {} has no room for {d_x} dimensions of one modality and {d_y} of the \
         other",
        settings.width
    );
    let mut trainings = Vec::new();
    for temperature in &settings.temperature {
        let synthetic = SyntheticSettings {
            pairs: settings.pairs,
            dim: settings.width,
            d_x,
            d_y,
            learning_rate: settings.learning_rate,
            temperature: *temperature,
        };
        // The same start for every temperature.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut space = SyntheticSpace::draw(synthetic, &mut rng)?;
        println!(
            "temperature {temperature}; the gap in theory: {:.4}",
            initial_gap(&synthetic)
        );
        println!(
            "{:>8} {:>9} {:>9} {:>19}",
            "step", "loss", "gap", "in constant block"
        );
        let before = space.variances();
        let moments = train(&mut space, settings);
        let after = space.variances();
        if trainings.is_empty() {
            for (name, heading, variances) in [
                (
                    "variances-before",
                    "Variance of each dimension before",
                    before,
                ),
                ("variances-after", "Variance of each dimension after", after),
            ] {
                write(&variances_chart(name, heading, &variances), out)?;
            }
        }
        trainings.push(Training {
            temperature: *temperature,
            moments,
        });
    }
    if trainings.len() > 1 {
        write(&left(&trainings, settings), out)?;
    }
    let numbers = serde_json::to_vec_pretty(&trainings)?;
    Ok(atomic::write(&out.join("contrastive.json"), &numbers)?)
}

fn train(space: &mut SyntheticSpace, settings: &ExperimentSettings) -> Vec<Moment> {
    let steps = settings.steps.unwrap_or(STEPS);
    let mut moments: Vec<Moment> = Vec::new();
    let every = steps.div_ceil(REPORTS).max(1);
    let mut meter = Meter::start("training", steps + 1, "steps");
    for step in 0..=steps {
        let before = (step % every == 0 || step == steps).then(|| space.clone());
        let loss = space.step();
        meter.advance(1);
        let learned = settings.until.is_some_and(|least| loss <= least);
        if learned || before.is_some() {
            // One step later the gap is the same to every digit shown.
            let space = before.as_ref().unwrap_or(space);
            let (gap, ineffective_gap) = (space.gap(), space.ineffective_gap());
            println!("{step:>8} {loss:>9.4} {gap:>9.4} {ineffective_gap:>19.4}");
            moments.push(Moment {
                step,
                loss,
                gap,
                ineffective_gap,
            });
        }
        if learned {
            break;
        }
    }
    moments
}

fn variances_chart(name: &str, heading: &str, [x, y]: &[Vec<f64>; 2]) -> Chart {
    let line = |name: &str, style, variances: &[f64]| Series {
        name: name.to_owned(),
        style,
        points: variances
            .iter()
            .enumerate()
            .map(|(at, variance)| [at as f64, variance.max(1e-12).log10()])
            .collect(),
    };
    Chart {
        name: name.to_owned(),
        heading: heading.to_owned(),
        across: "dimension".to_owned(),
        up: "log\u{2081}\u{2080} of the variance".to_owned(),
        series: vec![
            line("first modality", Style::First, x),
            line("second modality", Style::Second, y),
        ],
        marks: Vec::new(),
    }
}

/// The gap that each temperature leaves.
fn left(trainings: &[Training], settings: &ExperimentSettings) -> Chart {
    let heading = match settings.until {
        Some(loss) => format!("The gap that is left at a loss of {loss} nats"),
        None => {
            let steps = count(settings.steps.unwrap_or(STEPS) as u64);
            format!("The gap that is left after {steps} steps")
        }
    };
    let of = |name: &str, style, part: fn(&Moment) -> f64| Series {
        name: name.to_owned(),
        style,
        points: trainings
            .iter()
            .filter_map(|training| Some((training.temperature, training.moments.last()?)))
            .map(|(temperature, moment)| [temperature.log10(), part(moment)])
            .collect(),
    };
    Chart {
        name: "gap-by-temperature".to_owned(),
        heading,
        across: "log\u{2081}\u{2080} of the temperature".to_owned(),
        up: "gap".to_owned(),
        series: vec![
            of("whole", Style::First, |moment| moment.gap),
            of("in the constant block", Style::Second, |moment| {
                moment.ineffective_gap
            }),
        ],
        marks: Vec::new(),
    }
}

fn depth(settings: &ExperimentSettings, seed: u64, out: &Path) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (n, d) = (settings.pairs, settings.width);
    let layers = settings.steps.unwrap_or(LAYERS);
    let dimensions = depth_dimensions(n, d, layers, PAPER_GAMMA, &mut rng)?;
    println!("{:>6} {:>20}", "layer", "effective dimension");
    for (layer, dimension) in dimensions.iter().enumerate().step_by((layers / 9).max(1)) {
        println!("{layer:>6} {dimension:>20}");
    }
    let points = dimensions.iter().enumerate();
    let chart = Chart {
        name: "depth".to_owned(),
        heading: "Effective dimension of a random network".to_owned(),
        across: "layer".to_owned(),
        up: "dimensions with 99 % of the variance".to_owned(),
        series: vec![Series {
            name: "effective dimension".to_owned(),
            style: Style::First,
            points: points.map(|(layer, d)| [layer as f64, *d as f64]).collect(),
        }],
        marks: Vec::new(),
    };
    write(&chart, out)?;
    let numbers = serde_json::to_vec_pretty(&dimensions)?;
    Ok(atomic::write(&out.join("depth.json"), &numbers)?)
}

fn write(chart: &Chart, out: &Path) -> anyhow::Result<()> {
    charts::draw(chart).write(out)
}
