//! Entity tags: the identity of a snapshot, in quotes.

use std::{io::Write, sync::OnceLock};

use http::{HeaderMap, HeaderValue, header};
use status::SnapshotId;

/// Where a method leaves the identity of the status it answers, for the header of the HTTP response.
pub(crate) type Answered = OnceLock<SnapshotId>;

/// The tag of a snapshot: equal tags have equal bodies.
pub(crate) fn of(id: SnapshotId) -> HeaderValue {
    // Sixteen digits, a hyphen, up to twenty digits, two quotes.
    let mut text = [0; 40];
    let mut rest = &mut text[..];
    write!(rest, "\"{id}\"").expect("40 bytes are enough");
    let unused = rest.len();
    HeaderValue::from_bytes(&text[..text.len() - unused]).expect("digits, a hyphen and quotes are printable")
}

/// Whether a client that sends these headers has what `tag` names: any of its tags is that, weak or not, or `*`.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = |given: &str| given == "*" || given.strip_prefix("W/").unwrap_or(given).as_bytes() == tag.as_bytes();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(',').map(str::trim))
        .any(known)
}

#[cfg(test)]
mod tests {
    use status::InstanceId;

    use super::*;

    #[test]
    fn tags_are_compared_as_http_says() {
        let id = |sequence| SnapshotId { instance: InstanceId(0x5eed), sequence };
        let tag = of(id(57));
        assert_eq!(tag, r#""0000000000005eed-57""#);
        assert_eq!(of(id(u64::MAX)), format!("\"0000000000005eed-{}\"", u64::MAX));
        for (given, expected) in [
            (&[][..], false),
            (&[""], false),
            (&["*"], true),
            (&[r#""0000000000005eed-57""#], true),
            (&[r#"W/"0000000000005eed-57""#], true),
            (&[r#""a", W/"0000000000005eed-57" ,"b""#], true),
            (&[r#""a""#, r#""0000000000005eed-57""#], true),
            (&["0000000000005eed-57"], false),
            (&[r#"w/"0000000000005eed-57""#], false),
            (&[r#""0000000000005eed-5""#], false),
            (&[r#""0000000000005eed-577""#], false),
            (&[r#""0000000000005eee-57""#], false),
        ] {
            let headers = given.iter().map(|value| (header::IF_NONE_MATCH, HeaderValue::from_static(value))).collect();
            assert_eq!(is_known(&headers, &tag), expected, "{given:?}");
        }
    }
}
