//! Splits a JSON file into the texts of its objects: one a line, or the elements of an array.
//!
//! An array is what a file begins with; it may go over any lines, and another may follow it. What is no JSON is not
//! noticed here: whoever parses a text finds that, and `place` says where in the file.

use super::TraceError;
use serde_json::Value;

/// The text of one object, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its first line, from 1.
    pub line: u64,
    /// How many characters stand before it in that line.
    pub before: usize,
    /// Its text.
    pub text: &'a [u8],
}

/// The objects of a JSON file. An array that is cut off between two of them ends with an empty text.
pub fn elements(bytes: &[u8]) -> Box<dyn Iterator<Item = Element<'_>> + '_> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Box::new(Arrays { bytes, at: 0, line: 1, line_start: 0, within: false, comma: false });
    }
    let lines = (1..).zip(bytes.split(|&byte| byte == b'\n'));
    let full = lines.filter(|(_, text)| !text.iter().all(u8::is_ascii_whitespace));
    Box::new(full.map(|(line, text)| Element { line, before: 0, text }))
}

impl Element<'_> {
    /// The object's value.
    ///
    /// # Errors
    /// Where the text is no JSON.
    pub fn value(&self) -> Result<Value, TraceError> {
        if std::str::from_utf8(self.text).is_err() {
            let hint = "convert the file to UTF-8";
            return Err(TraceError::new(self.line, None, "the line is not UTF-8", hint));
        }
        serde_json::from_slice(self.text).map_err(|error| {
            let hint = if error.is_eof() {
                "is the file cut off?"
            } else {
                "one JSON object a line, or an array of them"
            };
            let (line, column) = self.place(&error);
            TraceError::new(line, None, format!("not JSON at character {column}"), hint)
        })
    }

    /// Line and character of the file at which its text is no JSON.
    fn place(&self, error: &serde_json::Error) -> (u64, usize) {
        let lines = error.line().saturating_sub(1);
        (self.line + lines as u64, error.column() + if lines == 0 { self.before } else { 0 })
    }
}

/// Goes through a file of arrays.
struct Arrays<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    line_start: usize,
    /// Within an array.
    within: bool,
    /// The last thing seen was a comma.
    comma: bool,
}

impl<'a> Iterator for Arrays<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            self.skip_blanks();
            match self.bytes.get(self.at) {
                None if !self.within => return None,
                None => {
                    self.within = false;
                    return Some(self.take(self.at));
                }
                Some(b'[') if !self.within => (self.within, self.comma) = (true, false),
                Some(b']') if self.within && !self.comma => self.within = false,
                // What follows an array and is none is told as a whole.
                Some(_) if !self.within => return Some(self.take(self.bytes.len())),
                Some(_) => return Some(self.element()),
            }
            self.at += 1;
        }
    }
}

impl<'a> Arrays<'a> {
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
            if *byte == b'\n' {
                (self.line, self.line_start) = (self.line + 1, self.at);
            }
        }
    }

    /// The text from here up to `end`, which is passed.
    fn take(&mut self, end: usize) -> Element<'a> {
        let text = &self.bytes[self.at..end];
        let before = String::from_utf8_lossy(&self.bytes[self.line_start..self.at]).chars().count();
        let element = Element { line: self.line, before, text: text.trim_ascii_end() };
        self.line += text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let last = text.iter().rposition(|&byte| byte == b'\n');
        self.line_start = last.map_or(self.line_start, |last| self.at + last + 1);
        self.at = end;
        element
    }

    /// The element that begins here, and the comma behind it. Where none stands before a mark, the mark is told: it is
    /// no JSON.
    fn element(&mut self) -> Element<'a> {
        let (end, whole) = self.end_of_element();
        if end == self.at {
            self.within = self.bytes.get(end) != Some(&b']');
            return self.take(end + 1);
        }
        let element = self.take(end);
        // A text that is cut off says so itself.
        self.within &= whole;
        self.comma = self.bytes.get(end) == Some(&b',');
        self.at += usize::from(self.comma);
        element
    }

    /// Where the element that begins here ends, at a comma or a bracket that is not within it, and whether it does.
    fn end_of_element(&self) -> (usize, bool) {
        let (mut depth, mut quoted, mut escaped) = (0u64, false, false);
        let mut ends = |byte: u8| {
            if quoted {
                (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
                return false;
            }
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b',' | b']' if depth == 0 => return true,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            false
        };
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len());
        (self.at + end, depth == 0 && !quoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, characters before it, and text of each object.
    fn split(text: &str) -> Vec<(u64, usize, String)> {
        let told = |one: Element<'_>| (one.line, one.before, String::from_utf8_lossy(one.text).into_owned());
        elements(text.as_bytes()).map(told).collect()
    }

    #[test]
    fn an_array_is_split_whatever_its_lines() {
        let one = |line, before, text: &str| (line, before, String::from(text));
        assert_eq!(split("{}\n\n {\"a\": [1]}\r\n"), [one(1, 0, "{}"), one(3, 0, " {\"a\": [1]}\r")]);
        assert_eq!(split("[]"), []);
        assert_eq!(
            split("[{\"a\":1},{\"b\":[2,{}]}]"),
            [one(1, 1, "{\"a\":1}"), one(1, 9, "{\"b\":[2,{}]}")]
        );
        let pretty = "\n[\n  {\n    \"a\": 1\n  },\n  {\"b\": 2} ,\n  3\n]\n";
        assert_eq!(
            split(pretty),
            [one(3, 2, "{\n    \"a\": 1\n  }"), one(6, 2, "{\"b\": 2}"), one(7, 2, "3")]
        );
        // Marks within texts are no marks.
        let texts = "[{\"a\": \"],}\\\"\"}, \"é\\\\\", 1]";
        assert_eq!(
            split(texts),
            [one(1, 1, "{\"a\": \"],}\\\"\"}"), one(1, 17, "\"é\\\\\""), one(1, 24, "1")]
        );
        assert_eq!(split("[1]\n[2]"), [one(1, 1, "1"), one(2, 1, "2")]);
    }

    #[test]
    fn what_is_wrong_with_an_array_is_found_where_it_is() {
        for (text, line, words) in [
            ("[{\"a\": 1},\n {\"a\":", 2, "not JSON at character 6 (is the file cut off?)"),
            ("[{\"a\": 1},\n", 2, "not JSON at character 0 (is the file cut off?)"),
            ("[{\"a\": 1}\n", 2, "not JSON at character 0 (is the file cut off?)"),
            ("[{\"a\": 1},\n ]", 2, "not JSON at character 2 (one JSON object a line, or an array of them)"),
            ("[{\"a\": 1},\n , 3]", 2, "not JSON at character 2 (one JSON object"),
            ("[{\"a\": 1}\n  {\"a\": 1}]", 2, "not JSON at character 3 (one JSON object"),
            ("[{\"a\": 1}]\nrest, of it", 2, "not JSON at character 1 (one JSON object"),
            ("[\n{\n\"a\": x}]", 3, "not JSON at character 6 (one JSON object"),
        ] {
            let faults: Vec<_> = elements(text.as_bytes()).filter_map(|one| one.value().err()).collect();
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert_eq!(faults[0].line, line, "{text}: {}", faults[0]);
            assert!(faults[0].to_string().contains(words), "{text}: {}", faults[0]);
        }
    }
}
