//! Colours: what a mark means, and how that looks on light and on dark paper.
//!
//! Marks name an [`Ink`], never a colour, so one drawing serves both themes. No two inks of the light theme share a
//! colour: a page turns a light drawing dark by rules on colours alone. Lines are told apart by marker shape as well;
//! the heat map's colours are viridis (van der Walt and Smith, 2015), whose lightness rises evenly, so they survive
//! greyscale and colour blindness. Every line colour keeps a contrast of at least 3 to its paper, every text 4.5.

/// Paper and ink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// How many colours tell classes and other unordered things apart.
pub const SERIES: u8 = 12;

/// How many colours an ordered set of lines has.
pub const ORDERED: u8 = 12;

/// What a mark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The background.
    Paper,
    /// Words, and the line of the whole.
    Text,
    /// Lesser words.
    Muted,
    /// Lines of the grid.
    Grid,
    /// Lines of axes.
    Axis,
    /// Every other phase.
    Shade,
    /// What is cut off or cannot be.
    Void,
    /// An objective's bound.
    Bound,
    /// The chosen point.
    Chosen,
    /// Met.
    Good,
    /// Missed.
    Bad,
    /// One of several unordered things, such as classes.
    Series(u8),
    /// One of several things in an order, such as time-outs; modulo [`ORDERED`].
    Ordered(u8),
    /// A height in a heat map.
    Heat(u8),
    /// Words on a dark heat.
    OnDark,
    /// Words on a light heat.
    OnLight,
}

const LINES: [(u32, u32); SERIES as usize] = [
    (0x1f_6fb4, 0x6c_b4ee),
    (0xc0_5600, 0xf5_a04d),
    (0x00_805e, 0x3c_c9a0),
    (0xa0_459b, 0xe0_8adb),
    (0x8a_6a00, 0xd9_b93b),
    (0x5b_5bb5, 0xa9_a9ff),
    (0xc8_322f, 0xff_8078),
    (0x00_7c91, 0x4f_d0e6),
    (0x5f_7a00, 0xb4_cf4a),
    (0xc2_407a, 0xff_94bf),
    (0x5a_6672, 0xae_bbc8),
    (0x7a_3b1d, 0xd7_9a78),
];

/// Viridis at equal distances.
const VIRIDIS: [u32; 10] = [
    0x44_0154, 0x48_2878, 0x3e_4a89, 0x31_688e, 0x26_828e, 0x1f_9e89, 0x35_b779, 0x6d_cd59, 0xb4_de2c,
    0xfd_e725,
];

const fn rgb(hex: u32) -> Rgb {
    let [_, r, g, b] = hex.to_be_bytes();
    (r, g, b)
}

/// Viridis at `height` of 255.
pub fn viridis(height: u8) -> Rgb {
    let scaled = usize::from(height) * (VIRIDIS.len() - 1);
    let (index, part) = (scaled / 255, scaled % 255);
    let (from, to) = (rgb(VIRIDIS[index]), rgb(VIRIDIS[(index + 1).min(VIRIDIS.len() - 1)]));
    let mix = |from: u8, to: u8| {
        let sum = usize::from(from) * (255 - part) + usize::from(to) * part;
        u8::try_from(sum / 255).unwrap_or(u8::MAX)
    };
    (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Relative luminance of sRGB (WCAG 2.1, relative luminance).
fn luminance((r, g, b): Rgb) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Contrast of two colours, from 1 to 21 (WCAG 2.1, contrast ratio).
pub fn contrast(one: Rgb, two: Rgb) -> f64 {
    let (a, b) = (luminance(one), luminance(two));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The ink of words on a heat.
pub fn on_heat(height: u8) -> Ink {
    let heat = viridis(height);
    let dark = contrast(heat, Ink::OnDark.rgb(Theme::Light));
    let light = contrast(heat, Ink::OnLight.rgb(Theme::Light));
    if dark > light { Ink::OnDark } else { Ink::OnLight }
}

impl Ink {
    /// The colour on this paper.
    pub fn rgb(self, theme: Theme) -> Rgb {
        let (light, dark) = match self {
            Ink::Paper => (0xff_ffff, 0x15_191e),
            Ink::Text => (0x1b_1f24, 0xe8_ebee),
            Ink::Muted => (0x59_636e, 0xa3_adb8),
            Ink::Grid => (0xe3_e6ea, 0x2d_343c),
            Ink::Axis => (0x8a_929b, 0x6c_7681),
            Ink::Shade => (0xf2_f4f7, 0x1e_242b),
            Ink::Void => (0xd3_d7dc, 0x3a_424b),
            Ink::Bound => (0xb3_1d28, 0xff_7b82),
            Ink::Chosen => (0x0b_0b0d, 0xff_fffd),
            Ink::Good => (0x1a_7f37, 0x4a_c26b),
            Ink::Bad => (0xcf_222e, 0xff_6a69),
            Ink::Series(index) => LINES[usize::from(index % SERIES)],
            Ink::Ordered(index) => return ordered(index % ORDERED, theme),
            Ink::Heat(height) => return viridis(height),
            Ink::OnDark => (0xff_fffe, 0xff_fffe),
            Ink::OnLight => (0x00_0001, 0x00_0001),
        };
        rgb(if theme == Theme::Light { light } else { dark })
    }

    /// All inks that look different on dark paper.
    pub fn themed() -> impl Iterator<Item = Ink> {
        let fixed = [
            Ink::Paper,
            Ink::Text,
            Ink::Muted,
            Ink::Grid,
            Ink::Axis,
            Ink::Shade,
            Ink::Void,
            Ink::Bound,
            Ink::Chosen,
            Ink::Good,
            Ink::Bad,
        ];
        fixed.into_iter().chain((0..SERIES).map(Ink::Series)).chain((0..ORDERED).map(Ink::Ordered))
    }

    /// As CSS writes it.
    pub fn css(self, theme: Theme) -> String {
        let (r, g, b) = self.rgb(theme);
        format!("#{r:02X}{g:02X}{b:02X}")
    }
}

/// The part of viridis that stands out from the paper. Odd offsets keep these colours apart from those of heats.
fn ordered(index: u8, theme: Theme) -> Rgb {
    let step = u16::from(index) * 150 / u16::from(ORDERED - 1);
    let (low, high) = match theme {
        Theme::Light => (0, step),
        Theme::Dark => (100, step),
    };
    let (r, g, b) = viridis(u8::try_from(low + high).unwrap_or(u8::MAX));
    (r, g, b ^ 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_stand_out_from_their_paper() {
        for theme in [Theme::Light, Theme::Dark] {
            let paper = Ink::Paper.rgb(theme);
            for ink in Ink::themed() {
                let wanted = match ink {
                    Ink::Paper | Ink::Grid | Ink::Shade | Ink::Void => continue,
                    Ink::Text | Ink::Muted | Ink::Bound | Ink::Good | Ink::Bad | Ink::Chosen => 4.5,
                    _ => 3.0,
                };
                let found = contrast(paper, ink.rgb(theme));
                assert!(found >= wanted, "{ink:?} on {theme:?}: {found:.2}");
            }
        }
    }

    #[test]
    fn words_on_every_heat_can_be_read() {
        for height in 0..=255 {
            let found = contrast(viridis(height), on_heat(height).rgb(Theme::Light));
            assert!(found >= 4.5, "{height}: {found:.2}");
        }
    }

    #[test]
    fn heats_grow_lighter_and_no_two_light_inks_are_alike() {
        let light: Vec<f64> = (0..=255).map(|height| luminance(viridis(height))).collect();
        // Whole numbers of colour make neighbours dip by a hair; over eight steps the rise is clear.
        assert!(light.windows(9).all(|part| part[8] > part[0]));
        let mut seen: Vec<Rgb> = Ink::themed().map(|ink| ink.rgb(Theme::Light)).collect();
        seen.extend([Ink::OnDark, Ink::OnLight].map(|ink| ink.rgb(Theme::Light)));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
