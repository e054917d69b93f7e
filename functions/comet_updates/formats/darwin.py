"""The kernel that a version of macOS has. electron-updater compares `minimumSystemVersion` with its number.

Source of the call: electron-updater 6.8.10, `out/AppUpdater.js` (`checkIfUpdateSupported`), which uses `os.release()`.

Sources of the numbers: Odin, `core/sys/info/platform_darwin.odin` at 743f0070 (to macOS 14); GitHub's runner images,
`images/macos/macos-{14,15,26}-Readme.md` (macOS 14 to 26); `uname` and `sw_vers` in public reports (macOS 27).
"""

from __future__ import annotations

KERNELS = (
    ((10, 11), "15.0.0"),
    ((10, 11, 2), "15.2.0"),
    ((10, 11, 3), "15.3.0"),
    ((10, 11, 4), "15.4.0"),
    ((10, 11, 5), "15.5.0"),
    ((10, 11, 6), "15.6.0"),
    ((10, 12), "16.0.0"),
    ((10, 12, 1), "16.1.0"),
    ((10, 12, 2), "16.3.0"),
    ((10, 12, 3), "16.4.0"),
    ((10, 12, 4), "16.5.0"),
    ((10, 12, 5), "16.6.0"),
    ((10, 12, 6), "16.7.0"),
    ((10, 13), "17.0.0"),
    ((10, 13, 1), "17.2.0"),
    ((10, 13, 2), "17.3.0"),
    ((10, 13, 3), "17.4.0"),
    ((10, 13, 4), "17.5.0"),
    ((10, 13, 5), "17.6.0"),
    ((10, 13, 6), "17.7.0"),
    ((10, 14), "18.0.0"),
    ((10, 14, 1), "18.2.0"),
    ((10, 14, 4), "18.5.0"),
    ((10, 14, 5), "18.6.0"),
    ((10, 14, 6), "18.7.0"),
    ((10, 15), "19.0.0"),
    ((10, 15, 2), "19.2.0"),
    ((10, 15, 3), "19.3.0"),
    ((10, 15, 4), "19.4.0"),
    ((10, 15, 5), "19.5.0"),
    ((10, 15, 6), "19.6.0"),
    ((11,), "20.1.0"),
    ((11, 1), "20.2.0"),
    ((11, 2), "20.3.0"),
    ((11, 3), "20.4.0"),
    ((11, 4), "20.5.0"),
    ((11, 5), "20.6.0"),
    ((12,), "21.0.1"),
    ((12, 0, 1), "21.1.0"),
    ((12, 1), "21.2.0"),
    ((12, 2), "21.3.0"),
    ((12, 3), "21.4.0"),
    ((12, 4), "21.5.0"),
    ((12, 5), "21.6.0"),
    ((13,), "22.1.0"),
    ((13, 1), "22.2.0"),
    ((13, 2), "22.3.0"),
    ((13, 3), "22.4.0"),
    ((13, 4), "22.5.0"),
    ((13, 5), "22.6.0"),
    ((14,), "23.0.0"),
    ((14, 1), "23.1.0"),
    ((14, 2), "23.2.0"),
    ((14, 3), "23.3.0"),
    ((14, 4), "23.4.0"),
    ((14, 5), "23.5.0"),
    ((14, 6), "23.6.0"),
    ((15,), "24.0.0"),
    ((15, 1), "24.1.0"),
    ((15, 2), "24.2.0"),
    ((15, 3), "24.3.0"),
    ((15, 4), "24.4.0"),
    ((15, 5), "24.5.0"),
    ((15, 6), "24.6.0"),
    ((26,), "25.0.0"),
    ((26, 1), "25.1.0"),
    ((26, 2), "25.2.0"),
    ((26, 3), "25.3.0"),
    ((26, 4), "25.4.0"),
    ((26, 5), "25.5.0"),
    ((26, 6), "25.6.0"),
    ((27,), "27.0.0"),
    ((27, 2), "27.2.0"),
)
"""The lowest version of macOS that has each kernel. Some versions have the kernel of the version before."""


def kernel(macos: tuple[int, ...]) -> str | None:
    """Return the lowest kernel that no version of macOS below `macos` has, or None if it is not known.

    A version between two entries gets the higher kernel, so that no older system is offered the file.
    """
    wanted = _without_zeros(macos)
    return next((number for lowest, number in KERNELS if lowest >= wanted), None)


def macos(kernel: str) -> tuple[int, ...] | None:
    """Return the lowest version of macOS whose kernel is at least `kernel`, or None if it is not known."""
    wanted = tuple(map(int, kernel.split(".")))
    return next((lowest for lowest, number in KERNELS if tuple(map(int, number.split("."))) >= wanted), None)


def _without_zeros(version: tuple[int, ...]) -> tuple[int, ...]:
    """Return the version without zeros at its end, so that 14.4.0 equals 14.4."""
    while len(version) > 1 and version[-1] == 0:
        version = version[:-1]
    return version
