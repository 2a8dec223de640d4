//! Parameters, as geth reads and refuses them.

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned, error::INVALID_PARAMS_CODE};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Refuses parameters for a method that takes none.
pub(crate) fn none(params: Option<&str>) -> Result<(), ErrorObjectOwned> {
    match arguments(params)?.as_slice() {
        [] => Ok(()),
        _ => Err(invalid("too many arguments, want at most 0")),
    }
}

/// The only parameter of a method that takes a number, geth's `hexutil.Uint64`.
pub(crate) fn one_uint64(params: Option<&str>) -> Result<u64, ErrorObjectOwned> {
    let arguments = arguments(params)?;
    let first = arguments.first().ok_or_else(|| invalid("missing value for required argument 0"))?;
    let number = uint64(first.get()).map_err(|why| {
        invalid(format!("invalid argument 0: json: cannot unmarshal {why} into Go value of type hexutil.Uint64"))
    })?;
    match arguments.len() {
        1 => Ok(number),
        _ => Err(invalid("too many arguments, want at most 1")),
    }
}

/// The name of what to subscribe to, and how.
pub(crate) fn subscription<T: DeserializeOwned>(params: Option<&str>) -> Result<(String, Option<T>), ErrorObjectOwned> {
    let mut arguments = arguments(params)?.into_iter();
    let name = arguments.next().ok_or_else(|| invalid("missing value for required argument 0"))?;
    let name = serde_json::from_str(name.get()).map_err(|_| invalid("invalid argument 0: want a string"))?;
    let options = match arguments.next().map(RawValue::get) {
        None | Some("null") => None,
        Some(options) => {
            Some(serde_json::from_str(options).map_err(|error| invalid(format!("invalid argument 1: {error}")))?)
        }
    };
    match arguments.next() {
        None => Ok((name, options)),
        Some(_) => Err(invalid("too many arguments, want at most 2")),
    }
}

/// The only parameter of a method that takes none or one.
pub(crate) fn one_option<T: DeserializeOwned>(params: Option<&str>) -> Result<Option<T>, ErrorObjectOwned> {
    match arguments(params)?.as_slice() {
        [] => Ok(None),
        [one] => serde_json::from_str(one.get()).map_err(|error| invalid(format!("invalid argument 0: {error}"))),
        _ => Err(invalid("too many arguments, want at most 1")),
    }
}

/// The only parameter of a method that takes a string.
pub(crate) fn one_string(params: Option<&str>) -> Result<String, ErrorObjectOwned> {
    match arguments(params)?.as_slice() {
        [] => Err(invalid("missing value for required argument 0")),
        [one] => serde_json::from_str(one.get()).map_err(|_| invalid("invalid argument 0: want a string")),
        _ => Err(invalid("too many arguments, want at most 1")),
    }
}

/// The members of the array; nothing and `null` are an empty one.
fn arguments(params: Option<&str>) -> Result<Vec<&RawValue>, ErrorObjectOwned> {
    match params.map(str::trim) {
        None | Some("null") => Ok(Vec::new()),
        Some(params) if params.starts_with('[') => {
            serde_json::from_str(params).map_err(|error| invalid(format!("invalid arguments: {error}")))
        }
        Some(_) => Err(invalid("non-array args")),
    }
}

/// geth's rules: a string with a prefix and without leading zeros, whose escapes are not read. An empty one is zero.
fn uint64(json: &str) -> Result<u64, &'static str> {
    let text = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).ok_or("non-string")?;
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = digits.ok_or("hex string without 0x prefix")?;
    match digits.as_bytes() {
        [] => Err("hex string \"0x\""),
        [b'0', _, ..] => Err("hex number with leading zero digits"),
        digits if digits.len() > 16 => Err("hex number > 64 bits"),
        bytes if !bytes.iter().all(u8::is_ascii_hexdigit) => Err("invalid hex string"),
        _ => u64::from_str_radix(digits, 16).map_err(|_| "invalid hex string"),
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObject::owned(INVALID_PARAMS_CODE, message, None::<()>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_by_geth() {
        #[track_caller]
        fn check(params: Option<&str>, expected: Result<u64, &str>) {
            let found = one_uint64(params).map_err(|error| {
                assert_eq!(error.code(), INVALID_PARAMS_CODE);
                error.message().to_owned()
            });
            assert_eq!(found, expected.map_err(str::to_owned), "{params:?}");
        }
        #[track_caller]
        fn refused(argument: &str, why: &str) {
            let message =
                format!("invalid argument 0: json: cannot unmarshal {why} into Go value of type hexutil.Uint64");
            check(Some(&format!("[{argument}]")), Err(&message));
            check(Some(&format!("[{argument}, 1]")), Err(&message));
        }
        for (argument, number) in [
            (r#""0x0""#, 0),
            (r#""0x1""#, 1),
            (r#""0xdDff""#, 0xddff),
            (r#""0X10""#, 16),
            (r#""0xffffffffffffffff""#, u64::MAX),
            (r#""""#, 0),
        ] {
            check(Some(&format!(" [ {argument} ] ")), Ok(number));
            check(Some(&format!("[{argument},null]")), Err("too many arguments, want at most 1"));
        }
        for missing in [None, Some("null"), Some("[]"), Some(" [ ] ")] {
            check(missing, Err("missing value for required argument 0"));
        }
        for params in ["{}", r#"{"block":"0x1"}"#] {
            check(Some(params), Err("non-array args"));
        }
        for argument in ["1", "null", "true", "[]", "{}"] {
            refused(argument, "non-string");
        }
        for argument in [r#""latest""#, r#""1""#, r#""x1""#, r#"" 0x1""#, r#""\u0030x1""#] {
            refused(argument, "hex string without 0x prefix");
        }
        refused(r#""0x""#, "hex string \"0x\"");
        refused(r#""0x01""#, "hex number with leading zero digits");
        refused(r#""0x00""#, "hex number with leading zero digits");
        refused(r#""0x10000000000000000""#, "hex number > 64 bits");
        refused(r#""0xg""#, "invalid hex string");
        refused(r#""0x+1""#, "invalid hex string");
        refused(r#""0x1 ""#, "invalid hex string");
    }
}
