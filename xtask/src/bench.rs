//! Step `bench`: speed beside a peer that does the same work, in one run.

mod decoder;
mod encoders;
mod geometry;
mod gpt2;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::device::{Chosen, DeviceChoice};
use crate::{peers, tables};

/// Measures the speed of training, captioning and encoding, beside PyTorch where it is installed.
///
/// Every peer is a script under `benches/peers` that does the same work with the same sizes; its
/// head says what it needs. A peer that cannot run is named with its reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Python with the peers' packages, as in `venv/bin/python`.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only work whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Does not run the peers.
    #[arg(long)]
    alone: bool,
    /// Folder of JPEG photos to decode; without it decoding is left out.
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Does some work on a device and says how many units a second.
type Rate = Box<dyn Fn(&Chosen) -> anyhow::Result<f64>>;

/// Something whose speed is measured.
struct Work {
    name: &'static str,
    unit: &'static str,
    /// The peer's script, and what else it is told.
    script: &'static str,
    arguments: Vec<String>,
    ours: Rate,
}

/// What the last line of a peer holds.
#[derive(Debug, Deserialize)]
struct PeerLine {
    #[serde(alias = "samples_per_second", alias = "per_second")]
    rate: f64,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: Option<f64>,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let chosen = self.device.open()?;
        let mut all = decoder::work(&chosen);
        all.extend(encoders::work(&chosen));
        all.extend(geometry::work());
        all.extend(self.photos.as_deref().map(encoders::decoding));
        // Last: it keeps freed memory, and what came after would be measured so too.
        all.extend(gpt2::work(&chosen));
        let work: Vec<Work> = all
            .into_iter()
            .filter(|work| work.name.contains(&self.only))
            .collect();
        ensure!(!work.is_empty(), "no work is called like `{}`", self.only);
        let mut rows = Vec::new();
        for Work {
            name,
            unit,
            script,
            arguments,
            ours,
        } in work
        {
            eprintln!("{name} ...");
            let peer = if self.alone {
                None
            } else {
                self.peer(script, &arguments)
            };
            let ours = ours(&chosen)?;
            // The table comes last, and whoever loses patience has seen this much.
            match peer {
                Some(peer) => eprintln!("  {ours:.1} {unit}, its peer {peer:.1}"),
                None => eprintln!("  {ours:.1} {unit}"),
            }
            rows.push(Row {
                name,
                unit,
                ours,
                peer,
            });
        }
        let threads = rayon::current_num_threads();
        println!("on {}, {threads} threads", chosen.name);
        println!("{}", tables::speeds(&rows));
        Ok(())
    }

    /// The peer's rate, or nothing with the reason said.
    fn peer(&self, script: &str, arguments: &[String]) -> Option<f64> {
        match peer_rate(&self.python, script, arguments) {
            Ok(rate) => Some(rate),
            Err(error) => {
                eprintln!("  without its peer: {error:#}");
                None
            }
        }
    }
}

/// Tells a peer to compute where we do: on the same NVIDIA card, else on as many threads.
fn where_we_do(chosen: &Chosen) -> Vec<String> {
    let mut told = on_our_threads();
    if chosen.name.starts_with("cuda") {
        told.extend(["--device".to_owned(), chosen.name.clone()]);
    }
    told
}

/// Tells a peer to use as many threads as we do.
fn on_our_threads() -> Vec<String> {
    vec![
        "--threads".to_owned(),
        rayon::current_num_threads().to_string(),
    ]
}

fn peer_rate(python: &Path, script: &str, arguments: &[String]) -> anyhow::Result<f64> {
    let printed = peers::run(python, script, arguments)?;
    let line = printed.lines().last().unwrap_or_default();
    let line: PeerLine = serde_json::from_str(line)
        .with_context(|| format!("`{script}` printed no rate: {line}"))?;
    Ok(line.rate)
}
