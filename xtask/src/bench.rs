//! Step `bench`: speed against peers, in one run.

/// Measures speed on the devices there are.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        anyhow::bail!("not yet")
    }
}
