//! `op-status decode` as a program, on real blobs and on data that does not count.

use serde_json::Value;

use crate::shared::{file, op_status, output};

fn blob(index: u8) -> String {
    format!("{}/../crates/derivation/testdata/unichain/blob{index}.bin", env!("CARGO_MANIFEST_DIR"))
}

/// What the program prints with these arguments.
async fn decode(args: &[&str]) -> String {
    let output = output(op_status(&[&["decode"], args].concat())).await;
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn real_blobs_as_lines_and_as_json() {
    let [first, second, third] = [0, 1, 2].map(blob);
    let files = [first.as_str(), &second, &third, "--network", "unichain-mainnet"];
    let text = decode(&files).await;
    for line in [
        "  frame 2 of channel 0x0cd2fb..4fd48f: 62728 bytes, the last",
        "channel 0x0cd2fb..4fd48f: 322768 bytes of brotli, 962554 bytes of batches",
        "  span batch: 540 blocks of 1767385759 to 1767386298, epochs 24149341 to 24149386",
        "    transactions: 139 legacy, 0 with access list, 3056 with dynamic fee, 1 that set code, 0 other",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    let json = decode(&[&files[..], &["--json", "--blocks"]].concat()).await;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let count = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!(["file", "frame", "channel", "batch", "block", "dropped"].map(count), [3, 3, 1, 1, 540, 0]);
    let transactions: u64 =
        lines.iter().filter(|line| line["kind"] == "block").filter_map(|line| line["transactions"].as_u64()).sum();
    assert_eq!(transactions, 3196);
}

#[tokio::test]
async fn what_does_not_count_has_its_reason() {
    // Without the blob between them the third continues nothing, and the channel stays open.
    let text = decode(&[&blob(0), &blob(2)]).await;
    assert!(text.contains("dropped: frame 2 of channel") && text.contains("frame 1 was due"), "{text}");
    assert!(text.contains("and the rest is missing"), "{text}");
    for (content, reason) in [("0x", "no frame"), ("0x01aa", "data of version 1"), ("00aabb", "frame 0 is cut off")] {
        let file = file(content);
        let text = decode(&[file.path().to_str().expect("a path"), "--form", "input"]).await;
        assert!(text.contains(&format!("dropped: batcher data: {reason}")), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_wrong_usage() {
    let output = output(op_status(&["decode", "/nowhere"])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere"));
}
