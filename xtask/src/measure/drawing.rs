//! A picture with its heading and legend, as a file that needs nothing else: SVG, and PNG.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use c3_artifacts::atomic;
use maud::{Markup, PreEscaped, html};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Flat colours of the light page: not every program that shows SVG knows variables.
const STYLE: &str = include_str!("drawing.css");
/// Pixels of a PNG for each unit of the drawing.
const SCALE: f32 = 2.0;
/// Space around what is drawn.
const MARGIN: f64 = 12.0;
const HEADING: f64 = 24.0;
const LEGEND: f64 = 18.0;
/// Width of a letter of the legend, about; lines break before they could be too long.
const LETTER: f64 = 6.6;

/// A picture of a report.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    /// Name of its files.
    pub(crate) name: String,
    pub(crate) heading: String,
    /// What each colour is, by class.
    pub(crate) legend: Vec<(&'static str, String)>,
    /// An `svg` element of this size.
    pub(crate) svg: Markup,
    pub(crate) size: [f64; 2],
}

impl Drawing {
    /// Writes `NAME.svg` and `NAME.png`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let svg = self.file();
        let at = |ending: &str| folder.join(format!("{}.{ending}", self.name));
        atomic::write(&at("svg"), svg.as_bytes())?;
        let png = png(&svg).with_context(|| format!("cannot draw `{}`", self.name))?;
        Ok(atomic::write(&at("png"), &png)?)
    }

    /// The picture as a file of its own.
    pub(crate) fn file(&self) -> String {
        let lines = self.legend_lines();
        let top = MARGIN + HEADING + LEGEND * lines.len() as f64;
        let width = self.size[0] + 2.0 * MARGIN;
        let height = top + self.size[1] + MARGIN;
        let place = format!("x=\"{MARGIN}\" y=\"{top}\" overflow=\"visible\"");
        let [inner_width, inner_height] = self.size;
        let size = format!("width=\"{inner_width}\" height=\"{inner_height}\"");
        let inner = self
            .svg
            .0
            .replacen("<svg", &format!("<svg {place} {size}"), 1);
        let page = html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                viewBox=(format!("0 0 {width} {height}")) {
                style { (PreEscaped(STYLE)) }
                rect.paper width=(width) height=(height) {}
                text.title x=(MARGIN) y=(MARGIN + 12.0) { (self.heading) }
                @for (line, entries) in lines.iter().enumerate() {
                    @let y = MARGIN + HEADING + LEGEND * line as f64 + 4.0;
                    @for (x, class, name) in entries {
                        path class={ "curve " (class) } d=(format!("M{x} {y}h16")) {}
                        text x=(x + 21.0) y=(y + 4.0) { (name) }
                    }
                }
                (PreEscaped(inner))
            }
        };
        page.into_string()
    }

    /// Entries of the legend by line, each with its place across; nothing for a single one.
    fn legend_lines(&self) -> Vec<Vec<(f64, &'static str, &str)>> {
        let mut lines: Vec<Vec<(f64, &'static str, &str)>> = Vec::new();
        if self.legend.len() < 2 {
            return lines;
        }
        let mut x = f64::INFINITY;
        for (class, name) in &self.legend {
            let width = 34.0 + LETTER * name.chars().count() as f64;
            if x + width > MARGIN + self.size[0] {
                lines.push(Vec::new());
                x = MARGIN;
            }
            lines
                .last_mut()
                .expect("one was begun")
                .push((x, class, name));
            x += width;
        }
        lines
    }
}

/// Draws with fonts of our own, so that a picture is the same on every machine.
fn png(svg: &str) -> anyhow::Result<Vec<u8>> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        Arc::new(fonts)
    });
    let options = Options {
        fontdb: fonts.clone(),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .context("it has no size")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).context("it is too large")?;
    let scale = Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(legend: Vec<(&'static str, String)>) -> Drawing {
        Drawing {
            name: "test".to_owned(),
            heading: "A line & more".to_owned(),
            legend,
            svg: html! {
                svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50" {
                    path.curve.images d="M0 25h100" {}
                }
            },
            size: [100.0, 50.0],
        }
    }

    #[test]
    fn a_picture_is_written_as_svg_and_png_with_what_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        drawing(Vec::new()).write(folder.path()).unwrap();
        let svg = std::fs::read_to_string(folder.path().join("test.svg")).unwrap();
        assert!(svg.contains("A line &amp; more"), "{svg}");
        let bytes = std::fs::read(folder.path().join("test.png")).unwrap();
        let pixels = Pixmap::decode_png(&bytes).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (248, 196));
        // The line lies in the middle of what is drawn: 12 + 24 + 25 units from the top.
        let line = pixels.pixel(124, 122).unwrap();
        assert!(line.red() > 180 && line.blue() < 80, "{line:?}");
        let paper = pixels.pixel(124, 140).unwrap();
        assert!(paper.red() > 240 && paper.blue() > 240, "{paper:?}");
    }

    #[test]
    fn a_long_legend_takes_several_lines() {
        let entries = ["a rather long name", "another long name"];
        let entries = entries.map(|name| ("images", name.to_owned())).to_vec();
        let drawing = drawing(entries);
        assert_eq!(drawing.legend_lines().len(), 2);
        assert!(png(&drawing.file()).is_ok());
    }
}
