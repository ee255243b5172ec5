#!/usr/bin/env bash
# Brings the files of Debian's packages that the tests here boot into the target folder, and installs nothing but the keys that they are
# signed with, where those are missing (Ubuntu):
#   target/truth/u-boot.bin, u-boot.elf   of u-boot-qemu, for QEMU's board in S-mode; u-boot-m.elf for M-mode
#   target/truth/fw_dynamic.bin, fw_jump.bin   of opensbi
#   target/truth/vmlinux, modules         of Debian 13's Linux for riscv64
#   target/truth/busybox                  of busybox-static for riscv64
# apt gets a configuration, lists and a cache of its own there, for that architecture; the archive is DEBIAN_MIRROR, or the one that
# this Debian has its own packages from. Does nothing where all of it is there.
set -eu

release=trixie
keys=/usr/share/keyrings/debian-archive-keyring.gpg

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source-path=SCRIPTDIR/../../.. source=debug/tests/vscode/words.sh
. debug/tests/vscode/words.sh
# shellcheck source-path=SCRIPTDIR/../../.. source=run/tools.sh
. run/tools.sh
folder=${CARGO_TARGET_DIR:-target}/truth
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

is_complete() {
    local name
    for name in u-boot.bin u-boot.elf u-boot-m.elf fw_dynamic.bin fw_jump.bin vmlinux busybox modules/virtio_blk.ko.xz; do
        [ -s "$folder/$name" ] || return 1
    done
}

# For what downloads.
bounded() { run timeout 600 "$@" >&2 || fail "that command did not bring it: is the network there?"; }

# Sets `mirror` to the archive of Debian that this computer has its own packages from.
find_mirror() {
    mirror=${DEBIAN_MIRROR:-}
    [ -z "$mirror" ] || return 0
    # shellcheck disable=SC2016 # apt's variables
    mirror=$(apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "main" && $2 !~ /-security/ && found == "" { found = $3 } END { print found }')
    [ -n "$mirror" ] || fail "apt knows no archive of Debian here; try: apt-get update, as root, or DEBIAN_MIRROR=URL of one"
}

# An apt that knows this release for riscv64, and nothing of this computer's packages.
make_apt() {
    mkdir -p "$folder"/apt/{state/lists/partial,cache/archives/partial,parts}
    : >"$folder/apt/state/status"
    printf 'deb [arch=riscv64 signed-by=%s] %s %s main\n' "$keys" "$mirror" "$release" >"$folder/apt/sources.list"
    cat >"$folder/apt/apt.conf" <<END
APT::Architecture "riscv64";
APT::Architectures { "riscv64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$folder/apt/parts";
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "$folder/apt/parts";
Dir::State "$folder/apt/state";
Dir::State::status "$folder/apt/state/status";
Dir::Cache "$folder/apt/cache";
END
    # What this computer needs to reach the archive: a proxy, say.
    apt-config dump Acquire | grep -E '^Acquire::(https?|Check-|Retries|Force)' >>"$folder/apt/apt.conf" || :
    export APT_CONFIG=$folder/apt/apt.conf
}

# Sets `linux` to the package of the newest kernel: the one that the metapackage needs.
find_linux() {
    local kind package
    linux=''
    while read -r kind package; do
        [ "$kind" != Depends: ] || linux=$package
    done < <(apt-cache depends --important linux-image-riscv64)
    [ -n "$linux" ] || fail "Debian $release has no linux-image-riscv64"
}

unpack() {
    rm -rf "$folder/unpacked" "$folder"/*.deb
    (cd "$folder" && bounded apt-get --quiet download "$linux" busybox-static opensbi u-boot-qemu)
    mkdir "$folder/unpacked"
    for package in "$folder"/*.deb; do run dpkg -x "$package" "$folder/unpacked"; done
}

# The one file of this name, wherever its package has it.
place() {
    local found
    found=$(find "$folder/unpacked" -path "$1" -type f | head -n 1)
    [ -n "$found" ] || fail "no $1 in Debian's packages"
    cp "$found" "$folder/$2"
}

is_complete && exit 0
[ -z "${NO_INSTALL:-}" ] || fail "missing: Debian's Linux and U-Boot for riscv64 in $folder; NO_INSTALL is set"
for tool in apt-get apt-cache dpkg; do
    have "$tool" || fail "no $tool here, by which Debian's Linux and U-Boot come"
done
find_mirror
[ -r "$keys" ] || install debian-archive-keyring
make_apt
bounded apt-get --quiet update
find_linux
unpack
mkdir -p "$folder/modules"
place '*/boot/vmlinux-*' vmlinux
place '*/bin/busybox' busybox
place '*/qemu-riscv64_smode/u-boot.bin' u-boot.bin
place '*/qemu-riscv64_smode/uboot.elf' u-boot.elf
place '*/qemu-riscv64/uboot.elf' u-boot-m.elf
place '*/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin' fw_dynamic.bin
place '*/riscv64-linux-gnu/opensbi/generic/fw_jump.bin' fw_jump.bin
for module in nls_cp437 nls_ascii nls_utf8 fat vfat virtio_mmio virtio_blk; do
    place "*/$module.ko.xz" "modules/$module.ko.xz"
done
rm -rf "$folder/unpacked" "$folder"/*.deb "$folder/apt"
