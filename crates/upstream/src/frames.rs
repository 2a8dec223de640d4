//! JSON objects one after the other in a stream of bytes, with or without white space between them.

use crate::CallError;

/// What has been read and not been taken yet.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    limit: usize,
    /// How far the first object has been looked at: each byte once, in however many pieces it comes.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Frames {
    /// Of objects up to this size.
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, seen: 0, depth: 0, in_string: false, escaped: false }
    }

    /// Where to put what is read.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The next object, once all of it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        while let Some(byte) = self.bytes.get(self.seen) {
            self.seen += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' if self.depth > 0 => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 && self.seen <= self.limit => {
                    let rest = self.bytes.split_off(self.seen);
                    (self.seen, self.depth) = (0, 0);
                    return Ok(Some(std::mem::replace(&mut self.bytes, rest)));
                }
                byte if self.depth == 0 && !byte.is_ascii_whitespace() => {
                    return Err(CallError::Decode("IPC frame: not an object".into()));
                }
                _ => {}
            }
        }
        if self.depth == 0 {
            // Nothing but white space.
            self.bytes.clear();
            self.seen = 0;
        } else if self.seen > self.limit {
            return Err(CallError::TooLarge { limit: self.limit });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The objects of a text, however it is cut, and whether the rest is refused.
    #[track_caller]
    fn check(text: &str, expected: &[&str], refused: bool) {
        for size in 1..=text.len() {
            let (mut frames, mut found, mut error) = (Frames::new(40), Vec::new(), None);
            for piece in text.as_bytes().chunks(size) {
                frames.buffer().extend(piece);
                loop {
                    match frames.next() {
                        Ok(Some(frame)) => found.push(String::from_utf8(frame).unwrap().trim().to_owned()),
                        Ok(None) => break,
                        Err(why) => {
                            error = Some(why);
                            break;
                        }
                    }
                }
                if error.is_some() {
                    break;
                }
            }
            assert_eq!(
                (found, error.is_some()),
                (expected.iter().map(|it| (*it).to_owned()).collect(), refused),
                "{size}"
            );
        }
    }

    #[test]
    fn objects_are_told_apart() {
        check(r#"{"a":1}{"b":[{},2]}"#, &[r#"{"a":1}"#, r#"{"b":[{},2]}"#], false);
        check("{}\n {} ", &["{}", "{}"], false);
        check(r#"{"a":"}\"{\\"}{"#, &[r#"{"a":"}\"{\\"}"#], false);
        check(r#"{"a":"#, &[], false);
        check("", &[], false);
    }

    #[test]
    fn what_is_no_object_or_too_large_is_refused() {
        check("garbage", &[], true);
        check("{}}", &["{}"], true);
        check(r#"{}"{}""#, &["{}"], true);
        check(&format!(r#"{{"a":"{}"#, "a".repeat(50)), &[], true);
        check(&format!(r#"{{"a":"{}"}}"#, "a".repeat(50)), &[], true);
    }

    #[test]
    fn white_space_is_not_kept() {
        let mut frames = Frames::new(40);
        frames.buffer().extend([b' '; 100]);
        assert!(frames.next().unwrap().is_none() && frames.buffer().is_empty());
    }
}
