using Pulumi;

namespace Backup.Infra.Components;

/// <summary>Options of children. What holds backups, or guards what does, survives a mistake in the program and `pulumi destroy`.</summary>
internal static class Options
{
    public static CustomResourceOptions Of(Resource parent, params IEnumerable<Resource> dependsOn) =>
        new() { Parent = parent, DependsOn = new InputList<Resource> { dependsOn.ToArray() } };

    /// <summary>Neither option is inherited from a component in .NET, so each guarded child says both.</summary>
    public static CustomResourceOptions Guarded(Resource parent, params IEnumerable<Resource> dependsOn)
    {
        var options = Of(parent, dependsOn);
        options.Protect = true;
        options.RetainOnDelete = true;
        return options;
    }
}
