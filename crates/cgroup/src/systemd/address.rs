//! Where systemd listens: its own socket, or a bus whose daemon passes messages on.
//! Runs in: the parent. Pure: what the environment says comes as arguments.

/// Whose systemd is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The machine's.
    System,
    /// The user's own (`systemd --user`).
    User,
}

/// What the caller's environment says about buses. Each variable may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DBUS_SYSTEM_BUS_ADDRESS`
    pub system_bus: Option<String>,
    /// `DBUS_SESSION_BUS_ADDRESS`
    pub session_bus: Option<String>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_directory: Option<String>,
}

/// One place where systemd may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The socket.
    pub socket: Socket,
    /// Who is at its other end.
    pub peer: Peer,
}

/// A unix(7) address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// A path.
    Path(String),
    /// A name in the abstract namespace.
    Abstract(Vec<u8>),
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// systemd itself: it takes calls at once, and tells of every job.
    Systemd,
    /// A bus: it wants to be greeted, and passes on the signals that were asked for.
    Bus,
}

/// The places to try, in order. An address that the environment names and that is not the usual one is a wish, and comes first;
/// then systemd's own socket, which needs no daemon in between; then the bus.
pub fn servers(whose: Whose, environment: &Environment) -> Vec<Server> {
    let bus = |socket| Server { socket, peer: Peer::Bus };
    let (own, usual, wished) = match whose {
        Whose::System => (
            Some("/run/systemd/private".to_owned()),
            Some("/run/dbus/system_bus_socket".to_owned()),
            &environment.system_bus,
        ),
        Whose::User => {
            let directory = environment.runtime_directory.as_deref().filter(|path| !path.is_empty());
            let below = |name: &str| directory.map(|directory| format!("{directory}/{name}"));
            (below("systemd/private"), below("bus"), &environment.session_bus)
        }
    };
    let own = own.map(|path| Server { socket: Socket::Path(path), peer: Peer::Systemd });
    let usual = usual.map(Socket::Path);
    let wished = sockets(wished.as_deref().unwrap_or_default(), usual.as_ref());
    let wished = wished.into_iter().filter(|wish| Some(wish) != usual.as_ref());
    wished.map(bus).chain(own).chain(usual.clone().map(bus)).collect()
}

/// The sockets of a list of addresses (D-Bus Specification, "Server Addresses"): those that are no unix(7) sockets are passed
/// over. `unix:runtime=yes` is the `usual` one.
fn sockets(addresses: &str, usual: Option<&Socket>) -> Vec<Socket> {
    addresses.split(';').filter_map(|address| socket(address.strip_prefix("unix:")?, usual)).collect()
}

fn socket(keys: &str, usual: Option<&Socket>) -> Option<Socket> {
    keys.split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        match key {
            "path" => String::from_utf8(unescape(value)?)
                .ok()
                .filter(|path| path.starts_with('/'))
                .map(Socket::Path),
            "abstract" => Some(Socket::Abstract(unescape(value)?)),
            "runtime" if value == "yes" => usual.cloned(),
            _ => None,
        }
    })
}

/// `%2f` is a slash.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, others)) = rest.split_first() {
        rest = others;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, others) = rest.split_at_checked(2)?;
        let digits =
            str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = others;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> Socket {
        Socket::Path(path.to_owned())
    }

    fn tried(whose: Whose, environment: &Environment) -> Vec<(Socket, Peer)> {
        servers(whose, environment).into_iter().map(|server| (server.socket, server.peer)).collect()
    }

    #[test]
    fn systemd_s_own_socket_comes_before_the_bus() {
        let none = Environment::default();
        let own = (path("/run/systemd/private"), Peer::Systemd);
        let bus = (path("/run/dbus/system_bus_socket"), Peer::Bus);
        assert_eq!(tried(Whose::System, &none), [own.clone(), bus.clone()]);
        let usual = Environment {
            system_bus: Some("unix:path=/run/dbus/system_bus_socket,guid=1".into()),
            ..Environment::default()
        };
        assert_eq!(tried(Whose::System, &usual), [own, bus], "the usual address is no wish");
    }

    #[test]
    fn another_address_is_a_wish_and_comes_first() {
        let environment = Environment {
            session_bus: Some("tcp:host=x;unix:abstract=/tmp/a%2db;unix:path=/x%20y".into()),
            runtime_directory: Some("/run/user/7".into()),
            ..Environment::default()
        };
        let want = [
            (Socket::Abstract(b"/tmp/a-b".to_vec()), Peer::Bus),
            (path("/x y"), Peer::Bus),
            (path("/run/user/7/systemd/private"), Peer::Systemd),
            (path("/run/user/7/bus"), Peer::Bus),
        ];
        assert_eq!(tried(Whose::User, &environment), want);
    }

    #[test]
    fn a_user_without_a_runtime_directory_has_only_what_is_named() {
        assert_eq!(tried(Whose::User, &Environment::default()), []);
        let runtime = Environment { session_bus: Some("unix:runtime=yes".into()), ..Environment::default() };
        assert_eq!(tried(Whose::User, &runtime), []);
    }

    #[test]
    fn addresses_that_make_no_sense_are_passed_over() {
        for address in
            ["", "unix:", "unix:path=relative", "unix:path=/a%2", "unix:path=/a%zz", "unix:tmpdir=/x", ";;"]
        {
            assert_eq!(sockets(address, None), [], "{address}");
        }
    }
}
