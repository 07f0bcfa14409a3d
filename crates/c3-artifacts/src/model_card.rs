//! The `README.md` of a model folder, in the form that model hubs read.

use std::fmt::{self, Write};

/// What a person should know before using a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCard {
    /// Heading.
    pub title: String,
    /// What the model does, in a sentence or two.
    pub summary: String,
    /// Licence of the weights, an SPDX name or `other`.
    pub license: String,
    /// Command that uses the model.
    pub command: String,
    /// What it was trained on and how, one fact a line.
    pub training: Vec<String>,
    /// Name, value: measured on data that training did not see.
    pub scores: Vec<(String, f64)>,
    /// Where the scores were measured.
    pub measured_on: String,
    /// What it cannot do, one fact a line.
    pub limits: Vec<String>,
    /// Whose data and weights are inside, with their licences, one a line.
    pub credits: Vec<String>,
}

impl fmt::Display for ModelCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---\nlicense: {}\nlibrary_name: c3", self.license)?;
        writeln!(
            f,
            "pipeline_tag: image-to-text\ntags:\n- c3\n- text-only-training\n---\n"
        )?;
        writeln!(f, "# {}\n\n{}\n", self.title, self.summary)?;
        writeln!(f, "## Use\n\n```sh\n{}\n```", self.command)?;
        list(f, "Training", &self.training)?;
        self.write_scores(f)?;
        list(f, "Limits", &self.limits)?;
        list(f, "Credits", &self.credits)
    }
}

impl ModelCard {
    fn write_scores(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scores.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## Scores\n\nMeasured on {}.\n", self.measured_on)?;
        writeln!(f, "| metric | value |\n| --- | ---: |")?;
        self.scores
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "| {} | {value:.2} |", cell(name)))
    }
}

fn list(f: &mut fmt::Formatter<'_>, heading: &str, facts: &[String]) -> fmt::Result {
    if facts.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n## {heading}\n")?;
    facts.iter().try_for_each(|fact| writeln!(f, "- {fact}"))
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.chars().fold(String::new(), |mut cell, letter| {
        if letter == '|' {
            cell.push('\\');
        }
        cell.write_char(letter)
            .expect("a string takes every letter");
        cell
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_what_it_was_given_and_no_empty_heading() {
        let card = ModelCard {
            title: "Captions of tea".to_owned(),
            summary: "Says what kind of tea it is.".to_owned(),
            license: "cc-by-4.0".to_owned(),
            command: "cargo xtask caption --model tea cup.png".to_owned(),
            scores: vec![("BLEU-4 | best".to_owned(), 12.345)],
            measured_on: "100 cups".to_owned(),
            ..ModelCard::default()
        };
        let expected = "---\nlicense: cc-by-4.0\nlibrary_name: c3\n\
                        pipeline_tag: image-to-text\ntags:\n- c3\n- text-only-training\n---\n\n\
                        # Captions of tea\n\nSays what kind of tea it is.\n\n\
                        ## Use\n\n```sh\ncargo xtask caption --model tea cup.png\n```\n\n\
                        ## Scores\n\nMeasured on 100 cups.\n\n\
                        | metric | value |\n| --- | ---: |\n| BLEU-4 \\| best | 12.35 |\n";
        assert_eq!(card.to_string(), expected);
    }
}
