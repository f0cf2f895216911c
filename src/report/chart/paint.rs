//! Paints a scene with plotters, as SVG and as PNG, in the font that the binary brings along.
//!
//! Plotters counts in whole units: an SVG is drawn four times as large and shrunk by its `viewBox`, so that curves do
//! not wobble; a PNG is drawn at twice its size. An SVG that stands alone carries its font; inside a page the page does.

use super::palette::{Ink, Theme};
use super::scene::{Anchor, Mark, Scene, Xy};
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;
use std::sync::OnceLock;

/// Units of an SVG's canvas per point.
const SVG_SCALE: f64 = 4.0;
/// Pixels of a PNG per point.
const PNG_SCALE: f64 = 2.0;
/// Name of the font, in pictures and pages.
pub const FONT: &str = "poolsim sans";
/// Stroke of rings.
const RING: f64 = 2.0;
/// Plotters divides the size of an SVG's font by this.
const SVG_EM: f64 = 1.24;
/// Plotters centres an SVG's letters, but a PNG's lines: how much lower those must lie, in ems.
const PNG_DROP: f64 = 0.2;
/// A PNG's glyphs are scaled by the height of a line: 1.164 em in DejaVu Sans.
const LINE_EM: f64 = 1.164;

const REGULAR: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");
const BOLD: &[u8] = include_bytes!("font/DejaVuSans-Bold-subset.ttf");
const REGULAR_WEB: &[u8] = include_bytes!("font/DejaVuSans-subset.woff2");
const BOLD_WEB: &[u8] = include_bytes!("font/DejaVuSans-Bold-subset.woff2");

/// Why a picture could not be painted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaintError(pub String);

impl std::fmt::Display for PaintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a chart could not be painted: {}", self.0)
    }
}

impl std::error::Error for PaintError {}

fn failed(error: impl std::fmt::Display) -> PaintError {
    PaintError(error.to_string())
}

/// Makes the font known to plotters, once.
fn ensure_font() {
    static KNOWN: OnceLock<()> = OnceLock::new();
    KNOWN.get_or_init(|| {
        // Both files are in the binary and were read when they were made; a failure shows as a missing font below.
        let _ = register_font(FONT, FontStyle::Normal, REGULAR);
        let _ = register_font(FONT, FontStyle::Bold, BOLD);
    });
}

/// Width of a text whose em is `size`.
pub(super) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    ensure_font();
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = FontDesc::new(FontFamily::Name(FONT), 1000.0 * LINE_EM, style);
    // A font that is missing measures as one whose letters are half an em wide.
    let measured = font.layout_box(text).map(|(_, (width, _))| f64::from(width));
    measured.unwrap_or(500.0 * text.chars().count() as f64) * size / 1000.0
}

/// The rules that give a page or a picture the font.
pub fn font_faces() -> String {
    let face = |bytes: &[u8], weight: &str| {
        format!(
            "@font-face{{font-family:\"{FONT}\";font-weight:{weight};\
             src:url(data:font/woff2;base64,{}) format(\"woff2\")}}",
            base64(bytes)
        )
    };
    format!("{}\n{}", face(REGULAR_WEB, "400"), face(BOLD_WEB, "700"))
}

/// Base64 with padding (RFC 4648).
pub(in crate::report) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = word >> (18 - 6 * digit) & 63;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    text
}

/// What stands around the marks of an SVG.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    /// A word that no other picture of the page has.
    pub(super) id: &'a str,
    /// The title.
    pub(super) title: &'a str,
    /// What it shows, for people who cannot see it.
    pub(super) alt: &'a str,
    /// Whether it stands alone, and so carries its font.
    pub(super) alone: bool,
}

/// Paints an SVG.
///
/// # Errors
/// When plotters refuses.
pub(super) fn svg(scene: &Scene, theme: Theme, labels: Labels<'_>) -> Result<String, PaintError> {
    let size = (up(scene.width, SVG_SCALE), up(scene.height, SVG_SCALE));
    let mut drawn = String::new();
    paint(scene, SVGBackend::with_string(&mut drawn, size), theme, SVG_SCALE, (SVG_EM, 0.0))?;
    let body = drawn.split_once('>').map_or("", |(_, rest)| rest).trim().trim_end_matches("</svg>");
    let body =
        body.replace(" opacity=\"1\"", "").replace(">\n</text>", "></text>").replace("\n</text>", "</text>");
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-title {id}-alt\" stroke-linejoin=\"round\" \
         stroke-linecap=\"round\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-alt\">{}</desc>\n",
        size.0,
        size.1,
        escape(labels.title),
        escape(labels.alt),
        w = scene.width,
        h = scene.height,
        id = labels.id,
    );
    if labels.alone {
        let _ = writeln!(text, "<style>{}</style>", font_faces());
    }
    text.push_str(&body);
    hits(scene, &mut text);
    text.push_str("</svg>\n");
    Ok(text)
}

/// Transparent places over the picture, each with its tooltip.
fn hits(scene: &Scene, text: &mut String) {
    if scene.hits.is_empty() {
        return;
    }
    text.push_str("<g class=\"hits\" fill=\"transparent\">\n");
    for hit in &scene.hits {
        let [x, y] = [hit.from.0, hit.from.1].map(|value| (value * SVG_SCALE).round());
        let width = (hit.to.0 * SVG_SCALE).round() - x;
        let height = (hit.to.1 * SVG_SCALE).round() - y;
        let point = hit.point.map_or_else(String::new, |point| format!(" data-point=\"{point}\""));
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{point}><title>{}</title></rect>",
            escape(&hit.text)
        );
    }
    text.push_str("</g>\n");
}

/// Text inside XML and HTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Paints a PNG.
///
/// # Errors
/// When plotters or the encoder refuses.
pub(super) fn png(scene: &Scene, theme: Theme) -> Result<Vec<u8>, PaintError> {
    let size = (up(scene.width, PNG_SCALE), up(scene.height, PNG_SCALE));
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    paint(scene, BitMapBackend::with_buffer(&mut pixels, size), theme, PNG_SCALE, (LINE_EM, PNG_DROP))?;
    encode(&pixels, size)
}

fn encode(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, PaintError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn up(length: f64, scale: f64) -> u32 {
    (length * scale).round().max(1.0) as u32
}

/// Control characters would break an SVG and have no glyph.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Paints every mark.
fn paint<B: DrawingBackend>(
    scene: &Scene,
    backend: B,
    theme: Theme,
    scale: f64,
    (em, drop): (f64, f64),
) -> Result<(), PaintError> {
    ensure_font();
    let root = backend.into_drawing_area();
    let at = |(x, y): Xy| ((x * scale).round() as i32, (y * scale).round() as i32);
    let many = |points: &[Xy]| points.iter().copied().map(at).collect::<Vec<_>>();
    let color = |ink: Ink, alpha: f64| {
        let (r, g, b) = ink.rgb(theme);
        RGBColor(r, g, b).mix(alpha)
    };
    for mark in &scene.marks {
        let drawn = match mark {
            Mark::Rect { from, to, ink, alpha } => {
                root.draw(&Rectangle::new([at(*from), at(*to)], color(*ink, *alpha).filled()))
            }
            Mark::Path { points, ink, width } => {
                let stroke = up(*width, scale);
                root.draw(&PathElement::new(many(points), color(*ink, 1.0).stroke_width(stroke)))
            }
            Mark::Area { points, ink, alpha } => {
                root.draw(&Polygon::new(many(points), color(*ink, *alpha).filled()))
            }
            Mark::Dot { at: centre, radius, ink } => {
                root.draw(&Circle::new(at(*centre), up(*radius, scale) as i32, color(*ink, 1.0).filled()))
            }
            Mark::Ring { at: centre, radius, ink } => {
                let stroke = color(*ink, 1.0).stroke_width(up(RING, scale));
                root.draw(&Circle::new(at(*centre), up(*radius, scale) as i32, stroke))
            }
            Mark::Text { at: place, text, size, ink, anchor, bold, upright } => {
                let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
                let turn = if *upright { FontTransform::Rotate270 } else { FontTransform::None };
                let horizontal = match anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let font = FontDesc::new(FontFamily::Name(FONT), size * scale * em, style).transform(turn);
                let style = TextStyle::from(font).pos(Pos::new(horizontal, VPos::Center));
                let drop = if *upright { (drop * size, 0.0) } else { (0.0, drop * size) };
                let place = at((place.0 + drop.0, place.1 + drop.1));
                root.draw(&Text::new(clean(text), place, style.color(&color(*ink, 1.0))))
            }
        };
        drawn.map_err(failed)?;
    }
    root.present().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_rfc_says() {
        let rows = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in rows {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_font_has_every_sign_that_figures_use() {
        for sign in "±≤≥–∞µ²×·−→★●▲ aZ09%".chars() {
            assert!(text_width(&sign.to_string(), 10.0, false) > 1.0, "{sign}");
        }
        let (narrow, wide) = (text_width("iiii", 10.0, false), text_width("WWWW", 10.0, true));
        assert!(narrow > 8.0 && narrow < 14.0 && wide > 35.0, "{narrow} {wide}");
    }
}
