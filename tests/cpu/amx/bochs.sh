#!/usr/bin/env bash
# The matrix unit's kernels on an emulated processor that has one: Bochs's Sapphire Rapids, under Debian's Linux, which
# grants the tiles. A second reading of the architecture manual and a real kernel agree with the code; it measures
# nothing. Builds Bochs and the tests, runs them in the guest, prints what they print and ends with their status. The
# guest takes some 20 minutes of one core.
# Usage: tests/cpu/amx/bochs.sh BOCHS_SOURCE [WORK_DIR]
#   BOCHS_SOURCE  a clone of https://github.com/bochs-emu/Bochs, or its folder bochs; copied, not changed
#   WORK_DIR      build/bochs if not given; what is built or unpacked there already is used again
# With MODEL=file.gguf the guest also writes 16 tokens of that model by prompt lookup, which must have the bits of the
# same run on this machine.
# Needs Debian 12 (apt-get, dpkg; packages are unpacked in WORK_DIR, not installed) and what the tests need.
set -euo pipefail

die() { printf 'bochs.sh: %s\n' "$*" >&2; exit 2; }
[ $# -eq 1 ] || [ $# -eq 2 ] || die "usage: tests/cpu/amx/bochs.sh BOCHS_SOURCE [WORK_DIR]"
source=$(realpath "$1")
[ -d "$source/bochs" ] && source=$source/bochs
[ -f "$source/cpu/avx/amx.cc" ] || die "$1 is no source of a Bochs that has AMX"
for tool in apt-get cmake dpkg g++ make ninja pkg-config; do command -v "$tool" > /dev/null || die "$tool is missing"; done
repository=$(realpath "$(dirname "$0")/../../..")
work=${2:-$repository/build/bochs}
mkdir -p "$work"
work=$(realpath "$work")
bochs=$work/bochs
cd "$repository"

# change FILE EXPRESSION: a change to Bochs, by sed.
change() {
  local before
  before=$(cksum < "$bochs/cpu/$1")
  LC_ALL=C sed -Ei "$2" "$bochs/cpu/$1"
  [ "$before" != "$(cksum < "$bochs/cpu/$1")" ] || die "Bochs's cpu/$1 is not as in August 2026: see whether it still needs '$2'"
}
if ! [ -x "$bochs/bochs" ]; then
  rm -rf "$bochs"
  cp -r "$source" "$bochs"
  # Bochs of August 2026 takes all bytes of its products of bytes for unsigned; saves shapes with rows and bytes swapped,
  # 8 rows of 16, and tiles only when they are not in use; and counts no alignment in the size of what it saves.
  change avx/amx.cc 's/Bit32s\(([xy]byte\[.\])\)/Bit32s(Bit8s(\1))/g'
  change xsave.cc '/vmm16u\(8\+n\) /s/\.rows/.bytes_per_row/; /vmmubyte\(48\+n\) /s/\.bytes_per_row/.rows/'
  change xsave.cc 's/row < BX_TILE_REGISTERS/row < BX_TILE_MAX_ROWS/'
  change xsave.cc 's/\((.*tile_use_tracker) == 0\)/(\1 != 0 \&\& BX_CPU_THIS_PTR msr.ia32_xfd == 0)/'
  change cpuid.cc 's/max_size \+= (.*)\.len;/max_size = (\1.attr \& BX_XSAVE_ALIGN64 ? (max_size + 63) \/ 64 * 64 : max_size) + \1.len;/'
  # It also lacks the means by which Linux learns that a process uses tiles: a register that makes them trap.
  change cpu.h 's/Bit64u ia32_xss;/Bit64u ia32_xss, ia32_xfd, ia32_xfd_err;/'
  change init.cc 's/(BX_CPU_THIS_PTR msr\.)ia32_xss = 0;/\1ia32_xss = \1ia32_xfd = \1ia32_xfd_err = 0;/'
  change cpuid.cc 's/leaf->eax \|= \(1<<3\);/leaf->eax |= (1<<3) | (is_cpu_extension_supported(BX_ISA_AMX) << 4);/'
  change crregs.cc '/XTILEDATA_BIT\]\.attr/s/;/ | BX_XSAVE_XFD_SUPPORT;/'
  change msr.cc 's/^  msr_desc\[BX_MSR_XSS\]/  msr_desc[BX_MSR_IA32_XFD] = new MSR_Descriptor("XFD", BX_ISA_AMX, ~Bit64u(BX_XCR0_XTILEDATA_MASK));\n  msr_desc[BX_MSR_IA32_XFD_ERROR] = new MSR_Descriptor("XFD_ERR", BX_ISA_AMX, ~Bit64u(BX_XCR0_XTILEDATA_MASK));\n&/'
  change msr.cc 's/case BX_MSR_XSS:$/case BX_MSR_IA32_XFD: val64 = BX_CPU_THIS_PTR msr.ia32_xfd; break;\ncase BX_MSR_IA32_XFD_ERROR: val64 = BX_CPU_THIS_PTR msr.ia32_xfd_err; break;\n&/'
  change msr.cc 's/case BX_MSR_XSS: .*/case BX_MSR_IA32_XFD: BX_CPU_THIS_PTR msr.ia32_xfd = val_64; handleAvxModeChange(); break;\ncase BX_MSR_IA32_XFD_ERROR: BX_CPU_THIS_PTR msr.ia32_xfd_err = val_64; break;\n&/'
  change proc_ctrl.cc 's/if \((! long64_mode\(\) .*) \|\|$/if (BX_CPU_THIS_PTR msr.ia32_xfd != 0 || \1 ||/'
  change proc_ctrl.cc '/::BxNoAMX/,/BX_ASSERT/s/BX_ASSERT\(0\);/BX_CPU_THIS_PTR msr.ia32_xfd_err = BX_CPU_THIS_PTR msr.ia32_xfd;\n  exception(BX_NM_EXCEPTION, 0);/'
  echo "building Bochs: $work/bochs.log"
  (
    cd "$bochs"
    CXXFLAGS=-O2 ./configure --enable-x86-64 --enable-avx --enable-evex --enable-amx --enable-protection-keys \
      --enable-cet --enable-uintr --enable-long-phy-address --enable-all-optimizations --with-nogui --disable-docbook
    make
  ) > "$work/bochs.log" 2>&1 || die "Bochs did not build; see $work/bochs.log"
fi

# The guest has no libraries.
pcre2=$(pkg-config --variable=libdir libpcre2-8)/libpcre2-8.a
[ -f "$pcre2" ] || die "$pcre2 is missing; on Debian: libpcre2-dev"
cmake -S . -B "$work/tests" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHUNCH_CUDA=OFF -DCMAKE_EXE_LINKER_FLAGS=-static \
  -Dpkgcfg_lib_HUNCH_PCRE2_pcre2-8="$pcre2" > /dev/null
cmake --build "$work/tests" --target test_cpu_kernels test_cpu hunch_cli

root=$work/debian
if ! [ -d "$root/boot" ]; then
  mkdir -p "$work/packages"
  kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  [ -n "$kernel" ] || die "apt-get knows no linux-image-amd64: apt-get update"
  (cd "$work/packages" && apt-get -qq download "$kernel" busybox-static isolinux syslinux-common xorriso libisoburn1 \
    libburn4 libisofs6 libjte2) || die "apt-get could not get the packages"
  for package in "$work"/packages/*.deb; do dpkg -x "$package" "$root"; done
fi

guest=$work/guest cd=$work/cd
rm -rf "$guest" "$cd"
mkdir -p "$guest"/{bin,dev,proc,tmp} "$cd"
cp examples/models/pocket-small.gguf "$guest/small.gguf"
cp "$root/bin/busybox" "$work"/tests/tests/cpu/test_cpu{,_kernels} "$work/tests/hunch" "$guest/bin"
# shellcheck disable=SC2054  # the commas are of the flag
generate=(generate -t 1 -c 256 -n 16 --spec lookup:n=2,len=8 --logprobs --output json
  -p "one two three four five six seven eight nine ten, one two three four five six seven")
if [ -n "${MODEL:-}" ]; then
  cp "$MODEL" "$guest/model.gguf"
  "$work/tests/hunch" "${generate[@]}" -m "$MODEL" | grep -E '"(tokens|logprobs)": ' > "$guest/expected"
fi
cat > "$guest/init" << INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
status=0
run() { echo "== \$*"; "\$@" || status=1; }
uname -srv
grep -m1 'model name' /proc/cpuinfo
grep -m1 flags /proc/cpuinfo | grep -o 'amx_[a-z0-9]*'
run hunch inspect -m /small.gguf
run test_cpu_kernels --durations yes
run test_cpu --durations yes
if [ -f /model.gguf ]; then
  run hunch inspect -m /model.gguf
  hunch $(printf '%q ' "${generate[@]}") -m /model.gguf | grep -E '"(tokens|logprobs)": ' > /tmp/got
  cat /tmp/got
  run cmp /tmp/got /expected
fi
echo "bochs.sh: status \$status"
sleep 20
poweroff -f
INIT
chmod +x "$guest/init"
(cd "$guest" && find . | "$root/bin/busybox" cpio -o -H newc -R 0:0 2> /dev/null) > "$cd/initrd"
cp "$root"/boot/vmlinuz-* "$cd/vmlinuz"
cp "$root/usr/lib/ISOLINUX/isolinux.bin" "$root/usr/lib/syslinux/modules/bios/ldlinux.c32" "$cd"
# fsrm: Linux takes short copies for fast and long ones for slow, which this processor says; then memmove runs away.
cat > "$cd/isolinux.cfg" << CONFIG
default linux
label linux
  kernel /vmlinuz
  initrd /initrd
  append console=ttyS0,115200 quiet mitigations=off nokaslr clearcpuid=fsrm
CONFIG
LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu "$root/usr/bin/xorriso" -as mkisofs -quiet -o "$work/cd.iso" \
  -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$cd" 2> /dev/null

cat > "$work/bochsrc" << CONFIG
cpu: model=sapphire_rapids, ips=100000000, cpuid_freq=ips, ignore_bad_msrs=1
memory: guest=2048, host=2048
romimage: file=$bochs/bios/BIOS-bochs-latest, options=fastboot
vgaromimage: file=$bochs/bios/VGABIOS-lgpl/VGABIOS-lgpl-latest.bin
ata0-master: type=cdrom, path=$work/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/console
display_library: nogui
clock: sync=none
log: $work/emulation.log
panic: action=fatal
CONFIG
rm -f "$work/console"
echo "running the guest: $work/console"
"$bochs/bochs" -q -f "$work/bochsrc" > "$work/emulation.out" 2>&1 || true  # turning the guest off is an error to Bochs
tr -d '\r' < "$work/console"
grep -q "bochs.sh: status 0" "$work/console" || exit 1
