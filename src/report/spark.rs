//! A course over time in one line of block characters.

/// Eight heights.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws values from zero to their largest in `width` characters; bins are joined by their largest value, and a
/// stretch without values is blank. `None` when there is nothing to draw.
pub fn line(values: &[Option<f64>], width: usize) -> Option<String> {
    let top = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    if values.is_empty() || width == 0 || values.iter().all(Option::is_none) {
        return None;
    }
    let columns = width.min(values.len());
    let draw = |column: usize| {
        let from = column * values.len() / columns;
        let to = ((column + 1) * values.len() / columns).max(from + 1);
        let part = values[from..to].iter().flatten().copied().reduce(f64::max);
        part.map_or(' ', |value| {
            // A flat line at zero stays at the bottom.
            let height = if top > 0.0 { value / top * (BLOCKS.len() - 1) as f64 } else { 0.0 };
            BLOCKS[(height.round().max(0.0) as usize).min(BLOCKS.len() - 1)]
        })
    };
    Some((0..columns).map(draw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_follow_values_and_gaps_stay_blank() {
        let values = [Some(0.0), Some(1.0), None, Some(7.0), Some(3.5)];
        assert_eq!(line(&values, 80).unwrap(), "▁▂ █▅");
        assert_eq!(line(&[], 80), None);
        assert_eq!(line(&[None, None], 80), None);
        assert_eq!(line(&[Some(0.0); 3], 80).unwrap(), "▁▁▁");
    }

    #[test]
    fn a_peak_survives_the_joining_of_bins() {
        let mut values = vec![Some(0.0); 100];
        values[57] = Some(9.0);
        let text = line(&values, 10).unwrap();
        assert_eq!(text.chars().count(), 10);
        assert_eq!(text.chars().nth(5), Some('█'));
    }
}
