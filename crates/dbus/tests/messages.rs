//! Messages there and back, and hostile ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its preparation fails")]

use brig_dbus::{Call, Kind, Malformed, Message, Value, frame, parse};

fn nested() -> Vec<Value> {
    vec![
        Value::text("unit.scope"),
        Value::text(""),
        Value::Array(
            "(sv)".into(),
            vec![
                Value::Struct(vec![Value::text("MemoryMax"), Value::Variant(Box::new(Value::U64(u64::MAX)))]),
                Value::Struct(vec![Value::text("A"), Value::Variant(Box::new(Value::texts(["x", "yy"])))]),
                Value::Struct(vec![
                    Value::text("Deep"),
                    Value::Variant(Box::new(Value::Array(
                        "{s(xd)}".into(),
                        vec![Value::Entry(Box::new((
                            Value::text("k"),
                            Value::Struct(vec![Value::I64(-3), Value::F64(1.5_f64.to_bits())]),
                        )))],
                    ))),
                ]),
            ],
        ),
        Value::Array("(sa(sv))".into(), vec![]),
        Value::Byte(9),
        Value::bytes(&[1, 2, 3]),
        Value::Bool(true),
        Value::I16(-1),
        Value::U16(7),
        Value::I32(-2),
        Value::U32(5),
        Value::Path("/a/b".into()),
        Value::Signature("a{sv}".into()),
    ]
}

fn call(body: &[Value]) -> Vec<u8> {
    let call = Call { destination: "org.d", path: "/o", interface: "org.i", member: "Do", body };
    call.encode(77)
}

/// A message of another kind than a call: the kind is the second byte, which nothing else depends on.
fn of_kind(kind: u8, body: &[Value]) -> Vec<u8> {
    let mut bytes = call(body);
    bytes[1] = kind;
    bytes
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = call(&nested());
    assert_eq!(frame(&bytes), Ok(Some(bytes.len())));
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.kind, Kind::Call);
    assert_eq!(message.member.as_deref(), Some("Do"));
    assert_eq!(message.interface.as_deref(), Some("org.i"));
    assert_eq!(message.signature, "ssa(sv)a(sa(sv))yaybnqiuog");
    assert_eq!(message.values().unwrap(), nested());
}

#[test]
fn the_bytes_of_a_call_are_those_of_the_specification() {
    let bytes =
        Call { destination: "a.b", path: "/", interface: "c.d", member: "M", body: &[Value::U32(258)] };
    let mut want: Vec<u8> = vec![b'l', 1, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 71, 0, 0, 0];
    want.extend(b"\x01\x01o\0\x01\0\0\0/\0\0\0\0\0\0\0");
    want.extend(b"\x02\x01s\0\x03\0\0\0c.d\0\0\0\0\0");
    want.extend(b"\x03\x01s\0\x01\0\0\0M\0\0\0\0\0\0\0");
    want.extend(b"\x06\x01s\0\x03\0\0\0a.b\0\0\0\0\0");
    want.extend(b"\x08\x01g\0\x01u\0\0");
    want.extend([2, 1, 0, 0]);
    assert_eq!(bytes.encode(1), want);
}

#[test]
fn a_message_cut_short_anywhere_is_no_message() {
    let bytes = call(&nested());
    for length in 0..bytes.len() {
        assert!(Message::parse(&bytes[..length]).is_err(), "{length}");
        match frame(&bytes[..length]) {
            Ok(None) => assert!(length < 16),
            Ok(Some(whole)) => assert_eq!(whole, bytes.len()),
            Err(error) => panic!("{length}: {error}"),
        }
    }
}

#[test]
fn any_changed_byte_is_read_or_refused_and_nothing_worse() {
    let bytes = call(&nested());
    let mut state = 1_u32;
    for at in 0..bytes.len() {
        for _ in 0..24 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut changed = bytes.clone();
            changed[at] = state.to_le_bytes()[3];
            if let Ok(message) = Message::parse(&changed) {
                drop((message.values(), message.first_text()));
            }
        }
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut bytes = call(&[Value::text("x")]);
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(frame(&bytes), Err(Malformed));
    let mut bytes = call(&[Value::text("x")]);
    bytes[12..16].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    assert_eq!(frame(&bytes), Err(Malformed));
    let mut bytes = call(&[Value::Array("s".into(), vec![])]);
    let body = bytes.len() - 4;
    bytes[body..].copy_from_slice(&64_u32.to_le_bytes());
    assert!(Message::parse(&bytes).unwrap().values().is_err());
}

#[test]
fn a_variant_in_a_variant_without_end_is_refused() {
    let mut value = Value::Byte(1);
    for _ in 0..200 {
        value = Value::Variant(Box::new(value));
    }
    assert!(Message::parse(&call(&[value])).unwrap().values().is_err());
}

#[test]
fn the_other_order_of_bytes_is_read_too() {
    let mut bytes = vec![b'B', 3, 1, 1, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 0];
    bytes.extend(b"\x04\x01s\0\0\0\0\x03e.r\0\0\0\0\0\x05\x01u\0\0\0\0\x02\x08\x01g\0\x01s\0");
    let fields = u8::try_from(bytes.len() - 16).unwrap();
    bytes[15] = fields;
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(b"\0\0\0\x02no\0");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.kind, message.error.as_deref(), message.reply_to),
        (Kind::Error, Some("e.r"), Some(2))
    );
    assert_eq!(message.first_text().as_deref(), Some("no"));
}

#[test]
fn the_kinds_of_messages_are_told_apart() {
    for (kind, want) in
        [(1, Kind::Call), (2, Kind::Return), (3, Kind::Error), (4, Kind::Signal), (9, Kind::Other)]
    {
        assert_eq!(Message::parse(&of_kind(kind, &[])).unwrap().kind, want);
    }
    assert!(Message::parse(&of_kind(0, &[])).is_err());
    let mut other = call(&[]);
    other[3] = 2;
    assert_eq!(frame(&other), Err(Malformed), "another version of the protocol");
}

#[test]
fn values_are_read_from_text() {
    let array = |kind: &str, items: Vec<Value>| Value::Array(kind.into(), items);
    let table = [
        ("true", Value::Bool(true)),
        (" boolean false ", Value::Bool(false)),
        ("5", Value::I32(5)),
        ("-0x10", Value::I32(-16)),
        ("010", Value::I32(8)),
        ("uint64 123456789", Value::U64(123_456_789)),
        ("@t 18446744073709551615", Value::U64(u64::MAX)),
        ("byte 0xff", Value::Byte(255)),
        ("int16 -2", Value::I16(-2)),
        ("1.5", Value::F64(1.5_f64.to_bits())),
        ("double 2", Value::F64(2_f64.to_bits())),
        ("1e-3", Value::F64(1e-3_f64.to_bits())),
        ("'inactive-or-failed'", Value::text("inactive-or-failed")),
        (r#""a\"\u00e4\n""#, Value::text("a\"\u{e4}\n")),
        ("objectpath '/a/b_1'", Value::Path("/a/b_1".into())),
        ("signature 'a{sv}'", Value::Signature("a{sv}".into())),
        (r"b'a\303\n'", Value::bytes(&[b'a', 0o303, b'\n', 0])),
        ("['a', 'b']", Value::texts(["a", "b"])),
        ("@as []", array("s", vec![])),
        ("[1, uint32 2]", array("u", vec![Value::U32(1), Value::U32(2)])),
        ("[1, 2.5]", array("d", vec![Value::F64(1_f64.to_bits()), Value::F64(2.5_f64.to_bits())])),
        ("[[], [1]]", array("ai", vec![array("i", vec![]), array("i", vec![Value::I32(1)])])),
        ("('a', 1)", Value::Struct(vec![Value::text("a"), Value::I32(1)])),
        ("(1,)", Value::Struct(vec![Value::I32(1)])),
        ("<'x'>", Value::Variant(Box::new(Value::text("x")))),
        (
            "{'a': <1>}",
            array(
                "{sv}",
                vec![Value::Entry(Box::new((Value::text("a"), Value::Variant(Box::new(Value::I32(1))))))],
            ),
        ),
        (
            "@a(ss) [('/dev/null', 'rw')]",
            array("(ss)", vec![Value::Struct(vec![Value::text("/dev/null"), Value::text("rw")])]),
        ),
    ];
    for (text, want) in table {
        assert_eq!(parse(text).as_ref(), Ok(&want), "{text}");
    }
}

#[test]
fn text_that_is_no_value_is_refused_with_its_place() {
    let table = [
        ("", "a value is missing (at byte 0)"),
        ("'a", "the closing quote is missing (at byte 2)"),
        ("[]", "an empty list needs a type, such as @as [] (at byte 0)"),
        ("word", "no value, and no type (at byte 0)"),
        ("5 6", "something follows the value (at byte 2)"),
        ("byte 256", "not of the type that it should have (at byte 5)"),
        ("uint32 -1", "not of the type that it should have (at byte 7)"),
        ("5000000000", "not of the type that it should have (at byte 0)"),
        ("--1", "not of the type that it should have (at byte 0)"),
        ("uint32 'a'", "not of the type that it should have (at byte 7)"),
        ("['a', 1]", "not of the type that it should have (at byte 6)"),
        ("@z 1", "no type (at byte 1)"),
        ("@mi nothing", "no type (at byte 1)"),
        ("objectpath 'a'", "not of the type that it should have (at byte 11)"),
        ("[1", ", is missing (at byte 2)"),
        ("()", "not of the type that it should have (at byte 0)"),
        (r"'\u0000'", "no code point (at byte 3)"),
        (r"b'\777'", "no byte (at byte 6)"),
    ];
    for (text, want) in table {
        assert_eq!(parse(text).unwrap_err().to_string(), want, "{text}");
    }
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"<".repeat(100_000)).is_err());
}
