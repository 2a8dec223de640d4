//! Entity tags: the identity of a snapshot, in quotes.

use http::{HeaderMap, HeaderValue, header};
use status::SnapshotId;

/// The tag of a snapshot: equal tags have equal bodies.
pub(crate) fn of(id: SnapshotId) -> HeaderValue {
    // Every answer to `optimism_syncStatus` needs one, so this is not left to `fmt`, which takes as long as all the rest.
    let (instance, mut sequence) = (id.instance.0, id.sequence);
    let mut text = *b"\"0000000000000000-00000000000000000000\"";
    for (place, digit) in text[1..17].iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(instance >> (4 * place)) as usize % 16];
    }
    let mut first = text.len() - 2;
    loop {
        text[first] = b'0' + (sequence % 10) as u8;
        sequence /= 10;
        if sequence == 0 {
            break;
        }
        first -= 1;
    }
    text.copy_within(first.., 18);
    let length = 18 + text.len() - first;
    HeaderValue::from_bytes(&text[..length]).expect("digits, a hyphen and quotes are printable")
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
    fn a_tag_is_the_id_in_quotes() {
        for instance in [0, 0x5eed, 0x0123_4567_89ab_cdef, u64::MAX] {
            for sequence in [0, 9, 10, 57, 1_234_567_890, u64::MAX] {
                let id = SnapshotId { instance: InstanceId(instance), sequence };
                assert_eq!(of(id), format!("\"{id}\""));
            }
        }
    }

    #[test]
    fn tags_are_compared_as_http_says() {
        let id = |sequence| SnapshotId { instance: InstanceId(0x5eed), sequence };
        let tag = of(id(57));
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
