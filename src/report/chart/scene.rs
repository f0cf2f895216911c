//! A picture before it is painted: marks in points from the upper left corner, and what hovering them says.

use super::palette::Ink;

/// Where a text stands to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// A point of the picture.
pub type Xy = (f64, f64);

/// Something to paint.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A filled rectangle.
    Rect {
        /// Upper left corner.
        from: Xy,
        /// Lower right corner.
        to: Xy,
        /// Fill.
        ink: Ink,
        /// Opacity.
        alpha: f64,
    },
    /// A line through points.
    Path {
        /// The points.
        points: Vec<Xy>,
        /// Colour.
        ink: Ink,
        /// Stroke.
        width: f64,
    },
    /// A filled polygon.
    Area {
        /// Its corners.
        points: Vec<Xy>,
        /// Fill.
        ink: Ink,
        /// Opacity.
        alpha: f64,
    },
    /// A filled circle.
    Dot {
        /// Centre.
        at: Xy,
        /// Radius.
        radius: f64,
        /// Fill.
        ink: Ink,
    },
    /// A circle's line.
    Ring {
        /// Centre.
        at: Xy,
        /// Radius.
        radius: f64,
        /// Colour.
        ink: Ink,
    },
    /// A text, centred vertically on its position.
    Text {
        /// Position.
        at: Xy,
        /// The words.
        text: String,
        /// Size of an em.
        size: f64,
        /// Colour.
        ink: Ink,
        /// Where it stands.
        anchor: Anchor,
        /// Whether it is bold.
        bold: bool,
        /// Whether it reads upwards.
        upright: bool,
    },
}

/// A place that says something when it is hovered.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Upper left corner.
    pub from: Xy,
    /// Lower right corner.
    pub to: Xy,
    /// What it says.
    pub text: String,
    /// The point of the record that it stands for.
    pub point: Option<u64>,
}

/// Shapes that tell lines apart without colour.
const MARKERS: u8 = 4;

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// What to paint, from back to front.
    pub marks: Vec<Mark>,
    /// What to say.
    pub hits: Vec<Hit>,
}

impl Scene {
    /// An empty picture.
    pub fn new(width: f64, height: f64) -> Scene {
        let paper = Mark::Rect { from: (0.0, 0.0), to: (width, height), ink: Ink::Paper, alpha: 1.0 };
        Scene { width, height, marks: vec![paper], hits: Vec::new() }
    }

    /// A filled rectangle.
    pub fn rect(&mut self, from: Xy, to: Xy, ink: Ink, alpha: f64) {
        self.marks.push(Mark::Rect { from, to, ink, alpha });
    }

    /// A line; nothing for fewer than two points.
    pub fn line(&mut self, points: &[Xy], ink: Ink, width: f64) {
        if points.len() > 1 {
            self.marks.push(Mark::Path { points: points.to_vec(), ink, width });
        }
    }

    /// A line in dashes of `on` points with `off` points between.
    pub fn dashed(&mut self, points: &[Xy], ink: Ink, width: f64, (on, off): (f64, f64)) {
        let (mut drawing, mut left) = (true, on);
        let mut dash: Vec<Xy> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let ((mut x, mut y), to) = (pair[0], pair[1]);
            loop {
                let (dx, dy) = (to.0 - x, to.1 - y);
                let length = libm::sqrt(dx * dx + dy * dy);
                if length <= left {
                    left -= length;
                    if drawing {
                        dash.push(to);
                    }
                    break;
                }
                (x, y) = (x + dx * left / length, y + dy * left / length);
                if drawing {
                    dash.push((x, y));
                    self.line(&std::mem::take(&mut dash), ink, width);
                } else {
                    dash = vec![(x, y)];
                }
                drawing = !drawing;
                left = if drawing { on } else { off };
            }
        }
        self.line(&dash, ink, width);
    }

    /// The outline of a rectangle.
    pub fn outline(&mut self, from: Xy, to: Xy, ink: Ink, width: f64) {
        self.line(&[from, (to.0, from.1), to, (from.0, to.1), from, (to.0, from.1)], ink, width);
    }

    /// A filled polygon.
    pub fn area(&mut self, points: Vec<Xy>, ink: Ink, alpha: f64) {
        if points.len() > 2 {
            self.marks.push(Mark::Area { points, ink, alpha });
        }
    }

    /// A text.
    pub fn text(&mut self, at: Xy, text: impl Into<String>, size: f64, ink: Ink, anchor: Anchor) {
        let text = text.into();
        self.marks.push(Mark::Text { at, text, size, ink, anchor, bold: false, upright: false });
    }

    /// A bold text.
    pub fn bold(&mut self, at: Xy, text: impl Into<String>, size: f64, ink: Ink, anchor: Anchor) {
        let text = text.into();
        self.marks.push(Mark::Text { at, text, size, ink, anchor, bold: true, upright: false });
    }

    /// A text that reads upwards, centred.
    pub fn upright(&mut self, at: Xy, text: impl Into<String>, size: f64, ink: Ink) {
        let text = text.into();
        let anchor = Anchor::Middle;
        self.marks.push(Mark::Text { at, text, size, ink, anchor, bold: false, upright: true });
    }

    /// A marker whose shape follows `shape`: circle, square, triangle, diamond.
    pub fn marker(&mut self, (x, y): Xy, shape: u8, r: f64, ink: Ink) {
        match shape % MARKERS {
            0 => self.marks.push(Mark::Dot { at: (x, y), radius: r, ink }),
            1 => self.rect((x - r * 0.9, y - r * 0.9), (x + r * 0.9, y + r * 0.9), ink, 1.0),
            2 => self.area(vec![(x, y - r * 1.2), (x + r * 1.1, y + r), (x - r * 1.1, y + r)], ink, 1.0),
            _ => {
                let d = r * 1.3;
                self.area(vec![(x, y - d), (x + d, y), (x, y + d), (x - d, y)], ink, 1.0);
            }
        }
    }

    /// A ring.
    pub fn ring(&mut self, at: Xy, radius: f64, ink: Ink) {
        self.marks.push(Mark::Ring { at, radius, ink });
    }

    /// A cross.
    pub fn cross(&mut self, (x, y): Xy, r: f64, ink: Ink, width: f64) {
        self.line(&[(x - r, y - r), (x + r, y + r)], ink, width);
        self.line(&[(x - r, y + r), (x + r, y - r)], ink, width);
    }

    /// Slanted lines inside a rectangle.
    pub fn hatch(&mut self, from: Xy, to: Xy, gap: f64, ink: Ink, width: f64) {
        let (w, h) = (to.0 - from.0, to.1 - from.1);
        let mut offset = gap;
        while offset < w + h {
            // The line x + y = offset, cut to the rectangle.
            let start = (from.0 + offset.min(w), from.1 + (offset - w).max(0.0));
            let end = (from.0 + (offset - h).max(0.0), from.1 + offset.min(h));
            self.line(&[start, end], ink, width);
            offset += gap;
        }
    }

    /// Makes everything smaller by a factor.
    pub fn shrink(&mut self, by: f64) {
        let small = |at: &mut Xy| *at = (at.0 * by, at.1 * by);
        (self.width, self.height) = (self.width * by, self.height * by);
        for mark in &mut self.marks {
            match mark {
                Mark::Rect { from, to, .. } => [from, to].into_iter().for_each(small),
                Mark::Path { points, width, .. } => {
                    points.iter_mut().for_each(small);
                    *width *= by;
                }
                Mark::Area { points, .. } => points.iter_mut().for_each(small),
                Mark::Dot { at, radius, .. } | Mark::Ring { at, radius, .. } => {
                    small(at);
                    *radius *= by;
                }
                Mark::Text { at, size, .. } => {
                    small(at);
                    *size *= by;
                }
            }
        }
        for hit in &mut self.hits {
            [&mut hit.from, &mut hit.to].into_iter().for_each(small);
        }
    }

    /// Lets a rectangle say something.
    pub fn say(&mut self, from: Xy, to: Xy, text: impl Into<String>, point: Option<u64>) {
        self.hits.push(Hit { from, to, text: text.into(), point });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_and_stay_on_the_line() {
        let mut scene = Scene::new(100.0, 100.0);
        scene.dashed(&[(0.0, 5.0), (50.0, 5.0), (100.0, 5.0)], Ink::Text, 1.0, (6.0, 4.0));
        let mut length = 0.0;
        for mark in &scene.marks {
            if let Mark::Path { points, .. } = mark {
                assert!(points.iter().all(|point| point.1 == 5.0));
                length += points.last().unwrap().0 - points[0].0;
            }
        }
        assert!((length - 60.0).abs() < 1e-9, "{length}");
    }

    #[test]
    fn a_hatch_stays_inside() {
        let mut scene = Scene::new(100.0, 100.0);
        scene.hatch((10.0, 20.0), (40.0, 30.0), 5.0, Ink::Text, 1.0);
        assert!(scene.marks.len() > 5);
        for mark in &scene.marks[1..] {
            let Mark::Path { points, .. } = mark else { panic!("only lines") };
            assert!(points.iter().all(|p| (10.0..=40.0).contains(&p.0) && (20.0..=30.0).contains(&p.1)));
        }
    }
}
