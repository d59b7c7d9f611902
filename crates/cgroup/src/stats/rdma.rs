//! RDMA devices: `rdma.current` and `rdma.max`, the same on both versions.

use super::files::Files;
use super::text;
use crate::error::Error;

/// RDMA devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rdma {
    /// What is in use.
    pub current: Vec<RdmaUse>,
    /// What may be; [`u64::MAX`] is no limit.
    pub limit: Vec<RdmaUse>,
}

/// Resources of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RdmaUse {
    /// Its name: `mlx5_0`.
    pub device: String,
    /// Handles.
    pub hca_handles: u64,
    /// Objects.
    pub hca_objects: u64,
}

pub(super) fn read(files: &Files<'_>) -> Result<Rdma, Error> {
    let table = |name: &str| -> Result<Vec<RdmaUse>, Error> {
        Ok(files.text(name)?.map(|text| table(&text)).unwrap_or_default())
    };
    Ok(Rdma { current: table("rdma.current")?, limit: table("rdma.max")? })
}

/// Lines `mlx4_0 hca_handle=2 hca_object=max`.
fn table(text: &str) -> Vec<RdmaUse> {
    let line = |line: &str| {
        let (device, rest) = line.split_once(' ')?;
        let value = |name: &str| {
            let words = rest.split_ascii_whitespace().filter_map(|word| word.split_once('='));
            words.into_iter().find(|(known, _)| *known == name).and_then(|(_, value)| text::number(value))
        };
        let (hca_handles, hca_objects) = (value("hca_handle")?, value("hca_object")?);
        Some(RdmaUse { device: device.to_owned(), hca_handles, hca_objects })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_handles_and_objects() {
        let text = "mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 hca_object=max\n";
        let table = table(text);
        assert_eq!(table[0], RdmaUse { device: "mlx4_0".into(), hca_handles: 2, hca_objects: 2000 });
        assert_eq!(table[1].hca_objects, u64::MAX);
        assert_eq!(super::table("mlx4_0\nmlx4_0 hca_handle=2\n= =\n\nx hca_handle=y hca_object=1\n"), []);
    }
}
