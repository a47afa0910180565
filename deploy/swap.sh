# shellcheck shell=bash
# A swap file: room for what is seldom needed, so that a moment of much work does not end in the
# kernel killing something. To be sourced after steps.sh.

SWAP=/swapfile
SWAPPINESS=/etc/sysctl.d/90-kantu-swap.conf

# swap_size MEMORY DISK: how many MB of swap, given what the machine has of memory and has free of
# disk. Memory and swap together shall hold two instances, which an update has for a moment.
swap_size() {
  local memory=$1 disk=$2 together=1024 size
  [ "$ENGINE" != tensorflow ] || together=3072
  size=$((together - memory))
  if [ "$size" -gt $((disk / 4)) ]; then size=$((disk / 4)); fi
  # A smaller one would not help.
  if [ "$size" -lt 128 ]; then size=0; fi
  printf '%s\n' "$size"
}

make_swap() {
  local memory disk size
  step "Swap"
  if [ -n "$(swaps)" ]; then
    say "This machine has swap already: it stays as it is."
    return
  fi
  if systemd-detect-virt --quiet --container; then
    say "This is a container: its host decides about swap. (Your provider's panel may offer it.)"
    return
  fi
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  disk=$(df --output=avail --block-size=M / | tail -n 1 | tr -dc 0-9)
  size=$(swap_size "$memory" "$disk")
  if [ "$size" -eq 0 ]; then
    say "None made: $memory MB of memory and $disk MB of free disk call for none, or leave no room."
    return
  fi
  say "Making $SWAP of $size MB, beside $memory MB of memory."
  remember MADE_SWAP yes # before it is made: what is half made must go too
  if ! { fill_swap "$size" && run chmod 600 "$SWAP" && run mkswap -q "$SWAP" && run swapon "$SWAP"; }; then
    say "This system takes no swap file. Kantu works without, but it may be short of memory."
    remove_swap
    return
  fi
  { grep --invert-match "^$SWAP " /etc/fstab || true; echo "$SWAP none swap sw 0 0"; } |
    write /etc/fstab 644
  # Only where memory really runs out, not to have more room for files.
  echo "vm.swappiness=10" | write "$SWAPPINESS" 644
  run sysctl --quiet --load "$SWAPPINESS" || true
}

swaps() { tail -n +2 /proc/swaps; }

# fill_swap MB. Where the file system cannot reserve room at once, write it.
fill_swap() {
  run fallocate --length "$1M" "$SWAP" 2>/dev/null ||
    run dd if=/dev/zero of="$SWAP" bs=1M count="$1" status=none
}

remove_swap() {
  run swapoff "$SWAP" 2>/dev/null || true
  run rm -f "$SWAP" "$SWAPPINESS"
  { grep --invert-match "^$SWAP " /etc/fstab || true; } | write /etc/fstab 644
  remember MADE_SWAP ""
}
