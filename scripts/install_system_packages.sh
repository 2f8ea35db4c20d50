#!/usr/bin/env bash
# Installs what a real napari needs to draw without a screen: Xvfb, OpenGL in software, and Qt's xcb libraries.
# Does nothing where all is there; names what is missing where it cannot install.
set -eu

packages=(
    xvfb xauth libegl1 libgl1 libopengl0 libgl1-mesa-dri libdbus-1-3 libfontconfig1 libglib2.0-0
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0
    libxcb-xinerama0 libxcb-xkb1 libxkbcommon-x11-0
)

if ! command -v dpkg-query >/dev/null; then
    if command -v Xvfb >/dev/null; then exit 0; fi
    echo "The viewer tests need Xvfb, OpenGL and Qt's xcb libraries. On this system install the equivalents of" \
        "these Debian packages: ${packages[*]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    # A library may be there under its name of the 64-bit time transition, as libglib2.0-0t64.
    if ! dpkg-query --show --showformat='${db:Status-Status}\n' "$package" "${package}t64" 2>/dev/null | grep -qx installed; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

install=(apt-get install --yes --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
    prefix=()
elif command -v sudo >/dev/null && sudo --non-interactive true 2>/dev/null; then
    prefix=(sudo --non-interactive)
else
    echo "The viewer tests need packages that are not installed. Ask an administrator for: ${install[*]}" >&2
    exit 1
fi
echo "Installing for the viewer tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { "${prefix[@]}" apt-get update --quiet && "${prefix[@]}" "${install[@]}"; }; then
    echo "These packages could not be installed; the viewer tests need them: ${missing[*]}" >&2
    exit 1
fi
