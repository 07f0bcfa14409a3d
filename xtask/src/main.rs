//! The C3 command line: one file per step, in the order of the pipeline.

mod begin;
mod bench;
mod caption;
mod connect;
mod corpus;
mod device;
mod encode;
mod fetch;
mod fit;
mod import;
mod mapped;
mod measure;
mod memory;
mod peers;
mod pretrained;
mod progress;
mod projection;
mod recipe;
mod report;
mod run;
mod score;
mod space;
mod tables;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// C3: learn cross-modal tasks from uni-modal data.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    step: Step,
}

/// The steps, in the order of the pipeline.
#[derive(Debug, Subcommand)]
enum Step {
    Fetch(fetch::Fetch),
    Import(import::Import),
    Encode(encode::Encode),
    Connect(connect::Connect),
    Measure(measure::Measure),
    Fit(fit::Fit),
    Train(train::Train),
    Caption(caption::Caption),
    Score(score::Score),
    Bench(bench::Bench),
    Verify(verify::Verify),
}

impl Step {
    /// Rows that go by, as in `measure`, are better off with small pages.
    fn holds_large_arrays(&self) -> bool {
        match self {
            Self::Encode(_) | Self::Connect(_) | Self::Train(_) => true,
            Self::Caption(_) | Self::Bench(_) | Self::Verify(_) => true,
            Self::Fetch(_) | Self::Import(_) | Self::Measure(_) => false,
            Self::Fit(_) | Self::Score(_) => false,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.step.holds_large_arrays() {
        memory::ask_for_large_pages();
    }
    let outcome = match arguments.step {
        Step::Fetch(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Import(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Encode(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Connect(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Measure(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Fit(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Train(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Caption(step) => step.run(),
        Step::Score(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Bench(step) => step.run().map(|()| ExitCode::SUCCESS),
        Step::Verify(step) => step.run().map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
