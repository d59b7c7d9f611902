//! Who answers: CRIU, a bus, the kernel's route socket.

use brig_dbus::{Message, frame};

/// Any bytes as CRIU's answer. Two messages one behind the other are one, as the encoding has it.
pub fn criu_reply(bytes: &[u8]) {
    if brig_runtime::criu::is_reply(bytes) {
        assert!(brig_runtime::criu::is_reply(&[bytes, bytes].concat()));
    }
}

/// Any bytes as what a bus sends: cut into messages, each read, and its values written as they were sent.
pub fn dbus(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(length)) = frame(rest) {
        let Some((message, behind)) = rest.split_at_checked(length) else { return };
        rest = behind;
        let Ok(message) = Message::parse(message) else { continue };
        let Ok(values) = message.values() else { continue };
        let signature: String = values.iter().map(brig_dbus::Value::signature).collect();
        // A descriptor's number is read as what it is on the wire; an empty array of them has none.
        assert_eq!(signature.replace('h', "u"), message.signature.replace('h', "u"));
        message.first_text();
        let mut written = Vec::new();
        values.iter().for_each(|value| value.put(&mut written));
    }
}

/// Any bytes as answers of the kernel's.
pub fn netlink(bytes: &[u8]) {
    assert!(brig_netlink::count_answers(bytes) <= bytes.len() / 16);
}
