//! Reading and writing registers by the stub's numbers. It does not know what they mean.

use super::client::{Client, checked};
use super::error::{Error, excerpt};
use super::hex::{from_hex, to_hex};

impl Client {
    /// The general registers, as `g` sends them; exactly `bytes.len()` bytes or more must come.
    pub fn read_general_registers(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let name = "g (read the general registers)";
        let reply = self.request(b"g", name)?;
        if reply.len() >= 2 * bytes.len() && from_hex(&reply[..2 * bytes.len()], bytes) {
            return Ok(());
        }
        let reply = reply.to_vec();
        Err(self.connection.unexpected(name, &reply, format!("{} bytes in hexadecimal", bytes.len())))
    }

    /// One register, whose size is `bytes.len()`.
    pub fn read_register(&mut self, number: u32, bytes: &mut [u8]) -> Result<(), Error> {
        let name = format!("p{number:x} (read register {number})");
        let reply = self.request(format!("p{number:x}").as_bytes(), &name)?;
        if from_hex(reply, bytes) {
            return Ok(());
        }
        let reply = reply.to_vec();
        Err(self.connection.unexpected(&name, &reply, format!("{} bytes in hexadecimal", bytes.len())))
    }

    /// Registers by number and size in bytes (1 to 8), little-endian in what comes back; several requests in flight.
    pub fn read_registers(&mut self, registers: &[(u32, usize)]) -> Result<Vec<[u8; 8]>, Error> {
        let mut values = Vec::with_capacity(registers.len());
        self.pipeline(
            registers,
            "registers",
            |(number, _), command| command.extend(format!("p{number:x}").bytes()),
            |(number, bytes), reply, from| {
                let name = format!("p{number:x} (read register {number})");
                let reply = checked(reply, from, &name)?;
                let mut value = [0; 8];
                if !value.get_mut(..bytes).is_some_and(|value| from_hex(reply, value)) {
                    let (reply, expected) = (excerpt(reply), format!("{bytes} bytes in hexadecimal"));
                    return Err(Error::Unexpected { from: from.into(), command: name, reply, expected });
                }
                values.push(value);
                Ok(())
            },
        )?;
        Ok(values)
    }

    /// Writes one register, all its bytes.
    pub fn write_register(&mut self, number: u32, bytes: &[u8]) -> Result<(), Error> {
        let mut command = format!("P{number:x}=").into_bytes();
        to_hex(bytes, &mut command);
        self.expect_ok(&command, &format!("P{number:x} (write register {number})"))
    }
}
