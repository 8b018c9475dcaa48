using System.Reflection;

namespace Backup.Core.Model;

public static class Product
{
    /// <summary>Of this build, as manifests record it.</summary>
    public static string Version { get; } =
        typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
