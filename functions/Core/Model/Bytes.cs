using System.Globalization;

namespace Backup.Core.Model;

/// <summary>Sizes for people: binary units, one decimal from 10 of a unit down.</summary>
public static class Bytes
{
    private static readonly string[] _units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    public static string Text(long bytes)
    {
        double value = bytes;
        var unit = 0;
        while (value >= 1024 && unit < _units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return $"{value.ToString(unit == 0 || value >= 100 ? "0" : "0.0", CultureInfo.InvariantCulture)} {_units[unit]}";
    }
}
